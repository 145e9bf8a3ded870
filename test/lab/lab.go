package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Lab is a running lab. Its methods may be called from any goroutine.
type Lab struct {
	state state
}

// Attach returns the lab that runs on this machine. The error says what to do
// if none does, or if its control plane is off.
func Attach(context.Context) (*Lab, error) {
	if err := mustBeRoot(); err != nil {
		return nil, err
	}
	s, err := readState()
	if err != nil {
		return nil, err
	}
	for _, h := range []host{controlPlane, client} {
		if h.pid() == 0 {
			return nil, fmt.Errorf("the lab's machine %s is off: bring the lab up again with \"make lab-up\"", h)
		}
	}
	return &Lab{state: s}, nil
}

// Kubeconfig is the path of the administrator's kubeconfig. Its server can be
// reached from within the lab's network alone: see Command, Dial, RESTConfig.
func (l *Lab) Kubeconfig() string { return kubeconfigPath("admin") }

// AuditLog is the path of the API server's audit log: one JSON object a line
// for each request of a service account outside kube-system, at level Metadata.
// It grows as long as the lab runs: remember its size before a measurement.
func (l *Lab) AuditLog() string { return auditPath }

// Logs is the directory with a directory of logs a machine, a file a component.
func (l *Lab) Logs() string { return filepath.Dir(host(client).logs()) }

// Nodes are the names of the workers, on or off.
func (l *Lab) Nodes() []string {
	var names []string
	for n := 1; n <= l.state.Nodes; n++ {
		names = append(names, nodeName(n))
	}
	return names
}

// RESTConfig is the administrator's, and dials into the lab's network.
func (l *Lab) RESTConfig() (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", l.Kubeconfig())
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	config.Dial = l.Dial
	return config, nil
}

// Command is a program to be run on the client machine: with this host's files,
// the lab's network, the cluster's DNS in /etc/resolv.conf, KUBECONFIG set, and
// kubectl and helm in PATH. Environment set by the caller must be added to Env,
// not replace it.
func (l *Lab) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, binaryPath, append([]string{"enter", "--", name}, args...)...)
	command.Env = append(os.Environ(),
		"KUBECONFIG="+l.Kubeconfig(),
		"PATH="+l.state.Programs+":"+os.Getenv("PATH"),
	)
	// Helm's and kubectl's caches are the lab's, not the user's.
	command.Env = append(command.Env, "KUBECACHEDIR="+filepath.Join(runDir, "kubectl"), "HELM_CACHE_HOME="+filepath.Join(runDir, "helm", "cache"),
		"HELM_CONFIG_HOME="+filepath.Join(runDir, "helm", "config"), "HELM_DATA_HOME="+filepath.Join(runDir, "helm", "data"))
	return command
}

// kubectl runs kubectl with input and returns its output.
func (l *Lab) kubectl(ctx context.Context, input string, args ...string) (string, error) {
	command := l.Command(ctx, "kubectl", args...)
	if input != "" {
		command.Stdin = strings.NewReader(input)
	}
	out, err := command.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
		}
		return string(out), fmt.Errorf("kubectl %s: %w", strings.Join(args, " "), err)
	}
	return string(out), nil
}

// ErrName marks errors about a name that stands for nothing in the lab: of a
// node, a pod, a component. Their text says which names there are.
var ErrName = errors.New("unknown name")

// nameError is an ErrName that does not repeat it.
type nameError struct{ text string }

func (e nameError) Error() string        { return e.text }
func (e nameError) Is(target error) bool { return target == ErrName }

func noName(format string, args ...any) error { return nameError{fmt.Sprintf(format, args...)} }

// node checks a worker's name.
func (l *Lab) node(name string) (host, error) {
	if !slices.Contains(l.Nodes(), name) {
		return "", noName("no node %q: name one of %s", name, strings.Join(l.Nodes(), ", "))
	}
	return host(name), nil
}

// until calls f every 50 ms until it returns nil; the error is f's last.
func until(ctx context.Context, patience time.Duration, what string, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := f(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("waited %s for %s: %w", patience, what, err)
		}
	}
}
