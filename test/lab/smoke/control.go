package smoke

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

func controlFaults() []check {
	return []check{
		{"the audit log has what service accounts ask, and only that", (*smoke).audit},
		{"a stopped component stays stopped", (*smoke).controllerManager},
		{"the API server stops: pods and faults go on; it comes back", (*smoke).apiServer},
		{"etcd stops: writes fail; it comes back with what it had", (*smoke).etcd},
	}
}

// audited is what the check reads of a line of the audit log.
type audited struct {
	Verb string
	User struct{ Username string }
	URI  string `json:"requestURI"`

	ResponseStatus struct{ Code int }
}

func (s *smoke) audit(ctx context.Context) (string, error) {
	before, err := os.Stat(s.lab.AuditLog())
	if err != nil {
		return "", fmt.Errorf("look at the audit log: %w", err)
	}
	token, err := s.api.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, "probe", &authv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("ask for a token: %w", err)
	}
	config := rest.AnonymousClientConfig(s.config)
	config.BearerToken = token.Status.Token
	pod, err := kubernetes.NewForConfig(config)
	if err != nil {
		return "", fmt.Errorf("make API client: %w", err)
	}
	const uri = "/api/v1/namespaces/" + namespace + "/configmaps/secret-of-nobody"
	_, err = pod.CoreV1().ConfigMaps(namespace).Get(ctx, "secret-of-nobody", metav1.GetOptions{})
	if !apierrors.IsForbidden(err) {
		return "", fmt.Errorf("a service account without rights is not refused: %v", err) //nolint:errorlint // it may be nil
	}
	if _, err := s.api.CoreV1().ConfigMaps(namespace).List(ctx, metav1.ListOptions{}); err != nil {
		return "", fmt.Errorf("list as administrator: %w", err)
	}
	who := "system:serviceaccount:" + namespace + ":probe"
	return "a refused get of " + who, until(ctx, soon, func(context.Context) error {
		lines, err := readAudit(s.lab.AuditLog(), before.Size())
		if err != nil {
			return err
		}
		found := errors.New("it is not there")
		for _, line := range lines {
			if line.User.Username == "admin" {
				return fmt.Errorf("the administrator's %s of %s is there", line.Verb, line.URI)
			}
			if line.User.Username == who && line.URI == uri && line.Verb == "get" && line.ResponseStatus.Code == 403 {
				found = nil
			}
		}
		return found
	})
}

// readAudit reads the lines after an offset.
func readAudit(path string, offset int64) ([]audited, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	defer file.Close()
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	var lines []audited
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var line audited
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("read audit log: %w", err)
		}
		lines = append(lines, line)
	}
	return lines, scanner.Err()
}

// runs checks whether a component of the control plane runs.
func (s *smoke) runs(ctx context.Context, component string, want bool) error {
	machines, err := s.lab.Status(ctx)
	if err != nil {
		return err
	}
	for _, m := range machines {
		if m.Name == "controlplane" {
			return expect("that "+component+" runs", m.Components[component] != 0, want, nil)
		}
	}
	return errors.New("the lab has no machine controlplane")
}

// answers checks that a pod answers the client by its name, as it must without
// an API server too.
func (s *smoke) answers(ctx context.Context, pod string) error {
	body, err := s.get(ctx, address(pod), "/")
	return expect("what "+pod+" answers", body, pod, err)
}

func (s *smoke) allAnswer(ctx context.Context) error {
	looks := []func() error{func() error { return oneOf(s.get(ctx, door, "/")) }}
	for _, pod := range probes {
		looks = append(looks, func() error { return s.answers(ctx, pod) })
	}
	return together(looks...)
}

// askAPI is a small question that etcd must answer too.
func (s *smoke) askAPI(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*silence)
	defer cancel()
	_, err := s.pod(ctx, "probe-0")
	return err
}

func (s *smoke) apiServer(ctx context.Context) (string, error) {
	before, err := s.lives(ctx)
	if err != nil {
		return "", err
	}
	if err := s.allAnswer(ctx); err != nil {
		return "", fmt.Errorf("before: %w", err)
	}
	open, err := s.openTo(ctx, "probe-2")
	if err != nil {
		return "", err
	}
	defer open.conn.Close()
	if err := s.lab.Stop(ctx, "kube-apiserver"); err != nil {
		return "", err
	}
	away := time.Now()
	isAway := func() error { return failsWith("asking the API server", s.askAPI(ctx), "connection refused") }
	if err := inOrder(
		isAway,
		func() error { return s.runs(ctx, "kube-apiserver", false) },
		func() error { return s.allAnswer(ctx) },
		func() error { return s.lab.Kill(ctx, namespace, "probe-2", "") },
		open.ended,
		func() error {
			return until(ctx, patience, func(ctx context.Context) error { return s.answers(ctx, "probe-2") })
		},
		func() error {
			return s.whileCut(ctx, client, target("probe-1"), false, func() error {
				return silent("probe-1", s.answers(ctx, "probe-1"))
			})
		},
		func() error { return s.allAnswer(ctx) },
		isAway,
	); err != nil {
		return "", fmt.Errorf("without an API server: %w", err)
	}
	saw := fmt.Sprintf("away for %.1f s, a container was killed and a pod cut meanwhile", time.Since(away).Seconds())
	if err := s.lab.Start(ctx, "kube-apiserver"); err != nil {
		return "", err
	}
	if err := until(ctx, patience, s.askAPI); err != nil {
		return "", fmt.Errorf("started again: %w", err)
	}
	return saw, s.diedOnce(ctx, before, "probe-2")
}

// note writes a ConfigMap, which needs etcd.
func (s *smoke) note(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*silence)
	defer cancel()
	note := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := s.api.CoreV1().ConfigMaps(namespace).Create(ctx, note, metav1.CreateOptions{})
	return err
}

func (s *smoke) etcd(ctx context.Context) (string, error) {
	if err := s.note(ctx, "before"); err != nil {
		return "", fmt.Errorf("before: %w", err)
	}
	if err := s.lab.Stop(ctx, "etcd"); err != nil {
		return "", err
	}
	if err := s.note(ctx, "meanwhile"); err == nil {
		return "", errors.New("a write without etcd succeeds")
	}
	if err := inOrder(
		func() error { return s.runs(ctx, "etcd", false) },
		func() error { return s.runs(ctx, "kube-apiserver", true) },
		func() error { return s.allAnswer(ctx) },
	); err != nil {
		return "", fmt.Errorf("without etcd: %w", err)
	}
	if err := s.lab.Start(ctx, "etcd"); err != nil {
		return "", err
	}
	if err := until(ctx, patience, func(ctx context.Context) error { return s.note(ctx, "after") }); err != nil {
		return "", fmt.Errorf("started again: %w", err)
	}
	for _, name := range []string{"before", "after"} {
		if _, err := s.api.CoreV1().ConfigMaps(namespace).Get(ctx, name, metav1.GetOptions{}); err != nil {
			return "", fmt.Errorf("started again: %w", err)
		}
	}
	return "pods serve meanwhile", nil
}

// controllerManager deletes a pod whose StatefulSet nobody looks after.
func (s *smoke) controllerManager(ctx context.Context) (string, error) {
	old, err := s.pod(ctx, "probe-0")
	if err != nil {
		return "", err
	}
	const manager = "kube-controller-manager"
	if err := s.lab.Stop(ctx, manager); err != nil {
		return "", err
	}
	if err := s.runs(ctx, manager, false); err != nil {
		return "", err
	}
	pods := s.api.CoreV1().Pods(namespace)
	if err := pods.Delete(ctx, "probe-0", metav1.DeleteOptions{}); err != nil {
		return "", fmt.Errorf("delete probe-0: %w", err)
	}
	gone := func(ctx context.Context) error {
		_, err := pods.Get(ctx, "probe-0", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(errors.New("probe-0 is there"), err)
	}
	if err := until(ctx, patience, gone); err != nil {
		return "", err
	}
	if err := throughout(ctx, 2*silence, gone); err != nil {
		return "", fmt.Errorf("without a controller manager: %w", err)
	}
	if err := s.runs(ctx, manager, false); err != nil {
		return "", err
	}
	if err := s.lab.Start(ctx, manager); err != nil {
		return "", err
	}
	if _, err := s.waitForSuccessor(ctx, old); err != nil {
		return "", err
	}
	if err := s.waitForProbe(ctx, "probe-0"); err != nil {
		return "", err
	}
	return "a deleted pod is replaced only once it is started", s.filesSurvived(ctx)
}
