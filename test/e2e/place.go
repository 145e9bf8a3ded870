package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"memgraph-controller/test/lab"
)

// Kubeconfig is the environment variable that names the kubeconfig of an existing
// cluster; unset or empty, the lab is used.
const Kubeconfig = "E2E_KUBECONFIG"

// Place is a Kubernetes to test on. Its methods may be called from any goroutine.
type Place struct {
	// Lab is the lab, nil on an existing cluster, which nobody breaks.
	Lab *lab.Lab
	// API is the administrator's client.
	API kubernetes.Interface

	kubeconfig string
	chart      string
	taken      *os.File // the lab's lock, held until the program ends
}

// Find returns the cluster that the environment names, or the lab that runs on
// this machine, which is this program's until it ends.
func Find(ctx context.Context) (*Place, error) {
	chart, err := repositoryFile("charts/memgraph-ha")
	if err != nil {
		return nil, err
	}
	p := &Place{chart: chart, kubeconfig: os.Getenv(Kubeconfig)}
	var config *rest.Config
	if p.kubeconfig != "" {
		config, err = clientcmd.BuildConfigFromFlags("", p.kubeconfig)
	} else if err = p.take(ctx); err == nil {
		p.kubeconfig = p.Lab.Kubeconfig()
		config, err = p.Lab.RESTConfig()
	}
	if err != nil {
		return nil, fmt.Errorf("find a Kubernetes: %w", err)
	}
	config.QPS, config.Burst = 100, 200
	if p.API, err = kubernetes.NewForConfig(config); err != nil {
		return nil, fmt.Errorf("make API client: %w", err)
	}
	return p, nil
}

// inUse is locked by the program that breaks the lab.
const inUse = "/run/mglab-e2e.lock"

// take attaches the lab unless another program is breaking it: what one breaks, the
// other would blame on the release.
func (p *Place) take(ctx context.Context) error {
	var err error
	if p.Lab, err = lab.Attach(ctx); err != nil {
		return err
	}
	if p.taken, err = os.OpenFile(inUse, os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return fmt.Errorf("take the lab: %w", err)
	}
	if err := unix.Flock(int(p.taken.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("take the lab: another test or bench is breaking it: wait for its end, or stop it (fuser %s): %w", inUse, err)
	}
	return nil
}

// FindLab is Find for those that break things: it wants the lab, and undoes what may
// still be broken in it.
func FindLab(ctx context.Context) (*Place, error) {
	place, err := Find(ctx)
	if err != nil {
		return nil, err
	}
	if place.Lab == nil {
		return nil, errors.New("faults need the lab: unset " + Kubeconfig)
	}
	return place, place.Mend(ctx)
}

// repositoryFile finds a path of the repository from the working directory
// upwards.
func repositoryFile(path string) (string, error) {
	at, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find %s: %w", path, err)
	}
	for {
		full := filepath.Join(at, path)
		if _, err := os.Stat(full); err == nil {
			return full, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("find %s: not in the working directory or above: run in a checkout of the repository", path)
		}
		at = filepath.Dir(at)
	}
}

// Dial connects to an address of the cluster's network.
func (p *Place) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if p.Lab != nil {
		return p.Lab.Dial(ctx, network, address)
	}
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

// Program is a program to be run as the administrator, where kubectl is.
func (p *Place) Program(ctx context.Context, name string, args ...string) *exec.Cmd {
	if p.Lab != nil {
		return p.Lab.Command(ctx, name, args...)
	}
	command := exec.CommandContext(ctx, name, args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+p.kubeconfig)
	return command
}

// Command runs kubectl or helm as the administrator and returns what it printed.
func (p *Place) Command(ctx context.Context, name string, args ...string) (string, error) {
	out, err := p.Program(ctx, name, args...).Output()
	if err != nil {
		text := ""
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			text = ": " + strings.TrimSpace(string(exit.Stderr))
		}
		return string(out), fmt.Errorf("%s %s: %w%s", name, strings.Join(args, " "), err, text)
	}
	return string(out), nil
}

// Mend undoes every fault that the lab may still have; on an existing cluster there
// is none.
func (p *Place) Mend(ctx context.Context) error {
	if p.Lab == nil {
		return nil
	}
	err := p.Lab.Heal(ctx)
	for _, component := range []string{"etcd", "kube-apiserver"} {
		err = errors.Join(err, p.Lab.Start(ctx, component))
	}
	for _, node := range p.Lab.Nodes() {
		err = errors.Join(err, p.Lab.PowerOn(ctx, node))
	}
	return err
}
