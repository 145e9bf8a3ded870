package smoke

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	namespace = "lab-smoke"
	gate      = "lab.local/gate"
	// patience is for whatever a cluster does by itself: start pods, restart them.
	patience = 90 * time.Second
)

// probes are the pods of the StatefulSet; each can tell what it sees.
var probes = []string{"probe-0", "probe-1", "probe-2"}

//go:embed files/workload.yaml
var workload string

func workloadChecks() []check {
	return []check{
		{"pods run on three nodes", (*smoke).runsOnThreeNodes},
		{"a readiness gate holds a pod back", (*smoke).gateHolds},
		{"volumes are provisioned and writable", (*smoke).volumes},
		{"kubectl logs and exec reach a pod", (*smoke).execs},
		{"helm works", (*smoke).helm},
	}
}

// kubectl runs kubectl in the namespace of the checks.
func (s *smoke) kubectl(ctx context.Context, input string, args ...string) (string, error) {
	return s.run(ctx, input, "kubectl", append([]string{"-n", namespace}, args...)...)
}

// run runs a program on the client machine and returns all it prints.
func (s *smoke) run(ctx context.Context, input, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	command := s.lab.Command(ctx, name, args...)
	if input != "" {
		command.Stdin = strings.NewReader(input)
	}
	out, err := command.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return string(out), nil
}

func (s *smoke) install(ctx context.Context) error {
	if err := s.remove(ctx); err != nil { // of a run that was cut short
		return err
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if _, err := s.api.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("make namespace %s: %w", namespace, err)
	}
	// A pod is refused until its namespace has its default service account.
	return until(ctx, patience, func(ctx context.Context) error {
		_, err := s.kubectl(ctx, workload, "apply", "-f", "-")
		return err
	})
}

// remove removes the namespace and waits until it is gone, with its volumes.
func (s *smoke) remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	namespaces := s.api.CoreV1().Namespaces()
	err := until(ctx, patience, func(ctx context.Context) error {
		err := namespaces.Delete(ctx, namespace, metav1.DeleteOptions{})
		if apierrors.IsNotFound(err) {
			return s.noVolumes(ctx)
		}
		if err == nil {
			err = errors.New("it is going")
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("remove namespace %s: %w", namespace, err)
	}
	return nil
}

func (s *smoke) noVolumes(ctx context.Context) error {
	volumes, err := s.api.CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list volumes: %w", err)
	}
	for _, volume := range volumes.Items {
		if claim := volume.Spec.ClaimRef; claim != nil && claim.Namespace == namespace {
			return fmt.Errorf("its volume %s is there", volume.Name)
		}
	}
	return nil
}

func (s *smoke) pod(ctx context.Context, name string) (*corev1.Pod, error) {
	pod, err := s.api.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("get pod %s: %w", name, err)
	}
	return pod, nil
}

func condition(pod *corev1.Pod, kind corev1.PodConditionType) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == kind && c.Status == corev1.ConditionTrue
	})
}

// waitForCondition returns the pod once it has the condition.
func (s *smoke) waitForCondition(ctx context.Context, name string, kind corev1.PodConditionType) (*corev1.Pod, error) {
	var pod *corev1.Pod
	err := until(ctx, patience, func(ctx context.Context) error {
		var err error
		if pod, err = s.pod(ctx, name); err != nil {
			return err
		}
		if !condition(pod, kind) {
			return fmt.Errorf("pod %s is not %s", name, kind)
		}
		return nil
	})
	return pod, err
}

func (s *smoke) runsOnThreeNodes(ctx context.Context) (string, error) {
	byNode := map[string]string{}
	for _, name := range probes {
		pod, err := s.waitForCondition(ctx, name, corev1.ContainersReady)
		if err != nil {
			return "", err
		}
		byNode[pod.Spec.NodeName] = name
	}
	if len(byNode) != len(probes) {
		return "", fmt.Errorf("%d pods are on %d nodes: %v", len(probes), len(byNode), byNode)
	}
	if _, err := s.waitForCondition(ctx, "outsider", corev1.PodReady); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d pods, a node each", len(probes)), nil
}

func (s *smoke) gateHolds(ctx context.Context) (string, error) {
	if err := s.noneReady(ctx); err != nil {
		return "", err
	}
	for _, name := range probes {
		pod, err := s.pod(ctx, name)
		if err != nil {
			return "", err
		}
		if condition(pod, corev1.PodReady) {
			return "", fmt.Errorf("pod %s is ready although nobody opened its gate", name)
		}
		if err := s.openGate(ctx, name); err != nil {
			return "", err
		}
	}
	for _, name := range probes {
		if err := s.waitForProbe(ctx, name); err != nil {
			return "", err
		}
	}
	return "ready, and behind the Service, only once the condition was set", nil
}

func (s *smoke) openGate(ctx context.Context, name string) error {
	patch := fmt.Appendf(nil, `{"status":{"conditions":[{"type":%q,"status":"True"}]}}`, gate)
	_, err := s.api.CoreV1().Pods(namespace).Patch(ctx, name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	if err != nil {
		return fmt.Errorf("open the gate of %s: %w", name, err)
	}
	return nil
}

// waitForProbes waits until every pod is ready and answers; gates that are
// closed are opened.
func (s *smoke) waitForProbes(ctx context.Context) error {
	for _, name := range probes {
		if err := s.waitForProbe(ctx, name); err != nil {
			return err
		}
	}
	_, err := s.waitForCondition(ctx, "outsider", corev1.PodReady)
	return err
}

func (s *smoke) waitForProbe(ctx context.Context, name string) error {
	return until(ctx, patience, func(ctx context.Context) error {
		pod, err := s.pod(ctx, name)
		if err != nil {
			return err
		}
		if pod.DeletionTimestamp != nil {
			return fmt.Errorf("pod %s is going", name)
		}
		if !condition(pod, gate) {
			if err := s.openGate(ctx, name); err != nil {
				return err
			}
		}
		if !condition(pod, corev1.PodReady) {
			return fmt.Errorf("pod %s is not ready", name)
		}
		body, err := s.get(ctx, address(name), "/")
		return expect("what "+name+" answers", body, name, err)
	})
}

// waitForSuccessor returns the pod that took the place and the name of another,
// once its containers run; its gate is closed.
func (s *smoke) waitForSuccessor(ctx context.Context, old *corev1.Pod) (*corev1.Pod, error) {
	var pod *corev1.Pod
	err := until(ctx, patience, func(ctx context.Context) error {
		var err error
		if pod, err = s.pod(ctx, old.Name); err != nil {
			return err
		}
		if pod.UID == old.UID || !condition(pod, corev1.ContainersReady) {
			return fmt.Errorf("pod %s has no successor that runs", old.Name)
		}
		return nil
	})
	return pod, err
}

func (s *smoke) volumes(ctx context.Context) (string, error) {
	for _, name := range probes {
		claim, err := s.api.CoreV1().PersistentVolumeClaims(namespace).Get(ctx, "data-"+name, metav1.GetOptions{})
		if err != nil {
			return "", fmt.Errorf("get claim of %s: %w", name, err)
		}
		if claim.Status.Phase != corev1.ClaimBound {
			return "", fmt.Errorf("claim of %s is %s", name, claim.Status.Phase)
		}
		if err := s.write(ctx, name, "mine", name); err != nil {
			return "", err
		}
	}
	return "three claims bound, a file written to each", s.filesSurvived(ctx)
}

// filesSurvived checks that each pod still has the file that it was given.
func (s *smoke) filesSurvived(ctx context.Context) error {
	for _, name := range probes {
		content, err := s.get(ctx, address(name), "/files/mine")
		if err := expect("the file of "+name, content, name, err); err != nil {
			return err
		}
	}
	return nil
}

func (s *smoke) execs(ctx context.Context) (string, error) {
	out, err := s.kubectl(ctx, "", "exec", "probe-0", "--", "/probe", "-h")
	if err != nil {
		return "", err
	}
	if !strings.Contains(out, "-listen") {
		return "", fmt.Errorf("exec printed %q", out)
	}
	_, err = s.kubectl(ctx, "", "logs", "probe-0")
	return "by the kubelet's port", err
}

func (s *smoke) helm(ctx context.Context) (string, error) {
	chart, err := os.MkdirTemp("", "lab-smoke-")
	if err != nil {
		return "", fmt.Errorf("make chart: %w", err)
	}
	defer func() { _ = os.RemoveAll(chart) }() // what stays is in the directory for temporary files
	for name, content := range map[string]string{
		"Chart.yaml":           "apiVersion: v2\nname: tiny\nversion: 1.0.0\n",
		"templates/thing.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"{{ .Release.Name }}\"}\ndata: {revision: \"{{ .Release.Revision }}\"}\n",
	} {
		path := filepath.Join(chart, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", fmt.Errorf("make chart: %w", err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return "", fmt.Errorf("make chart: %w", err)
		}
	}
	for range 2 {
		if _, err := s.run(ctx, "", "helm", "-n", namespace, "upgrade", "--install", "tiny", chart, "--wait"); err != nil {
			return "", err
		}
	}
	thing, err := s.api.CoreV1().ConfigMaps(namespace).Get(ctx, "tiny", metav1.GetOptions{})
	if err := expect("the release's revision after install and upgrade", thing.Data["revision"], "2", err); err != nil {
		return "", err
	}
	if _, err := s.run(ctx, "", "helm", "-n", namespace, "uninstall", "tiny", "--wait"); err != nil {
		return "", err
	}
	return "install, upgrade, uninstall", nil
}
