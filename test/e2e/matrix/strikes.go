package matrix

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"memgraph-controller/test/e2e"
)

// strike breaks something and returns the way to give it back, nil if it comes back
// by itself or not at all. The way back is to be gone also after an error.
type strike func(ctx context.Context, s *scene) (mend func(context.Context) error, err error)

// part is who a strike hits: pods, or machines by their pods.
type part func(s *scene) []string

func mainNode(s *scene) []string    { return []string{s.main} }
func standbyNode(s *scene) []string { return []string{s.standby} }
func asyncNode(s *scene) []string   { return []string{s.async} }
func leaderPod(s *scene) []string   { return []string{s.leader} }
func everyNode(s *scene) []string   { return s.nodes() }

// atOnce does something to each of them at the same time.
func atOnce(names []string, f func(name string) error) error {
	errs := make([]error, len(names))
	var work sync.WaitGroup
	for i, name := range names {
		work.Go(func() { errs[i] = f(name) })
	}
	work.Wait()
	return errors.Join(errs...)
}

// kill kills the Memgraph processes of pods. One that is just being started again is
// killed as soon as it runs.
func kill(who part) strike {
	return func(ctx context.Context, s *scene) (func(context.Context) error, error) {
		return nil, atOnce(who(s), func(pod string) error {
			return e2e.Until(ctx, 10*time.Second, "a process to kill", func(ctx context.Context) error {
				return s.lab.Kill(ctx, s.release.Namespace, pod, e2e.Memgraph)
			})
		})
	}
}

// remove deletes a pod as kubectl does.
func remove(who part) strike {
	return func(ctx context.Context, s *scene) (func(context.Context) error, error) {
		return nil, atOnce(who(s), func(pod string) error { return s.release.Delete(ctx, pod) })
	}
}

func freeze(who part) strike {
	return func(ctx context.Context, s *scene) (func(context.Context) error, error) {
		thaw := func(ctx context.Context) error {
			return atOnce(who(s), func(pod string) error { return s.lab.Thaw(ctx, s.release.Namespace, pod) })
		}
		return thaw, atOnce(who(s), func(pod string) error { return s.lab.Freeze(ctx, s.release.Namespace, pod) })
	}
}

// powerOff takes the power from the machines of pods, all at once.
func powerOff(who part) strike {
	return func(ctx context.Context, s *scene) (func(context.Context) error, error) {
		off := map[string]bool{}
		for _, pod := range who(s) {
			off[s.machines[pod]] = true
		}
		machines := make([]string, 0, len(off))
		for machine := range off {
			machines = append(machines, machine)
		}
		on := func(ctx context.Context) error {
			return atOnce(machines, func(machine string) error { return s.lab.PowerOn(ctx, machine) })
		}
		return on, atOnce(machines, func(machine string) error { return s.lab.PowerOff(ctx, machine) })
	}
}

// murder kills the leading controller without a word, and then strikes once more.
func murder(then strike) strike {
	return func(ctx context.Context, s *scene) (func(context.Context) error, error) {
		if err := s.release.Murder(ctx, s.leader); err != nil || then == nil {
			return nil, err
		}
		return then(ctx, s)
	}
}

// direction of the packets that a cut drops.
type direction uint8

const (
	both  direction = iota
	there           // what goes from the first to the second
	back            // what goes from the second to the first
)

// target is how the lab names a pod that is cut off.
func target(s *scene, pod string) string { return "pod:" + s.release.Namespace + "/" + pod }

// cut drops packets between each of some pods and each of others.
func cut(from, to part, way direction) strike {
	return func(ctx context.Context, s *scene) (func(context.Context) error, error) {
		for _, a := range from(s) {
			for _, b := range to(s) {
				one, two := target(s, a), target(s, b)
				if way == back {
					one, two = two, one
				}
				if err := s.lab.Cut(ctx, one, two, way != both); err != nil {
					return s.lab.Heal, err
				}
			}
		}
		return s.lab.Heal, nil
	}
}

func controllerPods(s *scene) []string { return s.controllers }

// cutFromAPI drops all packets between pods and the API server.
func cutFromAPI(who part) strike {
	return func(ctx context.Context, s *scene) (func(context.Context) error, error) {
		var err error
		for _, pod := range who(s) {
			err = errors.Join(err, s.lab.Cut(ctx, target(s, pod), "controlplane", false))
		}
		return s.lab.Heal, err
	}
}

// stop stops a component of the control plane, and then strikes once more.
func stop(component string, then strike) strike {
	return func(ctx context.Context, s *scene) (func(context.Context) error, error) {
		start := func(ctx context.Context) error { return s.lab.Start(ctx, component) }
		err := s.lab.Stop(ctx, component)
		if err == nil && then != nil {
			_, err = then(ctx, s)
		}
		return start, err
	}
}

// wipe empties a node's volume and kills its process, which is back at once with
// nothing. It stands still meanwhile, so that it writes nothing into the empty volume.
func wipe(who part) strike {
	return func(ctx context.Context, s *scene) (func(context.Context) error, error) {
		return nil, atOnce(who(s), func(pod string) error {
			dir, err := volume(ctx, s.release, pod)
			if err != nil {
				return err
			}
			if err := s.lab.Freeze(ctx, s.release.Namespace, pod); err != nil {
				return err
			}
			err = errors.Join(empty(dir), s.lab.Kill(ctx, s.release.Namespace, pod, e2e.Memgraph))
			return errors.Join(err, s.lab.Thaw(context.WithoutCancel(ctx), s.release.Namespace, pod))
		})
	}
}

// claim is the name of the volume claim of a node's pod.
func claim(pod string) string { return "data-" + pod }

// volume is the directory on this host that is a node's volume.
func volume(ctx context.Context, r *e2e.Release, pod string) (string, error) {
	c, err := r.Place.API.CoreV1().PersistentVolumeClaims(r.Namespace).Get(ctx, claim(pod), metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("find the volume of %s: %w", pod, err)
	}
	v, err := r.Place.API.CoreV1().PersistentVolumes().Get(ctx, c.Spec.VolumeName, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("find the volume of %s: %w", pod, err)
	}
	if v.Spec.Local == nil || v.Spec.Local.Path == "" {
		return "", fmt.Errorf("find the volume of %s: %s is no directory of this host", pod, v.Name)
	}
	return v.Spec.Local.Path, nil
}

// empty removes all that is in a directory.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	if err != nil {
		return fmt.Errorf("empty %s: %w", dir, err)
	}
	return nil
}

// replaceVolume deletes a node's volume claim with its pod, as one does whose disk
// is broken.
func replaceVolume(who part) strike {
	return func(ctx context.Context, s *scene) (func(context.Context) error, error) {
		return nil, atOnce(who(s), func(pod string) error {
			err := s.release.Place.API.CoreV1().PersistentVolumeClaims(s.release.Namespace).Delete(ctx, claim(pod), metav1.DeleteOptions{})
			if err != nil {
				return fmt.Errorf("delete the volume claim of %s: %w", pod, err)
			}
			now := int64(0)
			return s.release.Place.API.CoreV1().Pods(s.release.Namespace).Delete(ctx, pod, metav1.DeleteOptions{GracePeriodSeconds: &now})
		})
	}
}

// roll restarts all nodes, one by one.
func roll(ctx context.Context, s *scene) (func(context.Context) error, error) {
	return nil, s.release.Restart(ctx)
}

// drained is how long a drain may take.
const drained = 150 * time.Second

// drain empties MAIN's machine, as before its maintenance.
func drain(ctx context.Context, s *scene) (func(context.Context) error, error) {
	machine := s.machines[s.main]
	uncordon := func(ctx context.Context) error {
		_, err := s.release.Place.Command(ctx, "kubectl", "uncordon", machine)
		return err
	}
	_, err := s.release.Place.Command(ctx, "kubectl", "drain", machine, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout="+drained.String())
	if err != nil && ctx.Err() == nil {
		err = &finding{unhealed, "a drain of MAIN's machine did not end: " + err.Error()}
	}
	return uncordon, err
}

// switchover asks for one, and waits until it is done.
func switchover(ctx context.Context, s *scene) (func(context.Context) error, error) {
	if err := ask(ctx, s.release, "switchover"); err != nil {
		return nil, err
	}
	answer, err := answered(ctx, s.release, "switchover", time.Minute)
	if err != nil && ctx.Err() == nil {
		return nil, &finding{unhealed, "a request was not answered: " + err.Error()}
	}
	if refusedRequest(answer) {
		return nil, &finding{unhealed, "a whole release refused a switchover: " + answer}
	}
	return nil, moved(ctx, s)
}

// moved waits until another node is MAIN than before.
func moved(ctx context.Context, s *scene) error {
	err := e2e.Until(ctx, time.Minute, "another MAIN than "+s.main, func(ctx context.Context) error {
		now, err := s.release.Main(ctx)
		if err == nil && now == s.main {
			err = errors.New("it is MAIN still")
		}
		return err
	})
	if err != nil && ctx.Err() == nil {
		return &finding{unhealed, "no switchover: " + err.Error()}
	}
	return err
}

// forget deletes the record.
func forget(ctx context.Context, s *scene) (func(context.Context) error, error) {
	return nil, s.release.Place.API.CoreV1().ConfigMaps(s.release.Namespace).Delete(ctx, s.release.ConfigMap, metav1.DeleteOptions{})
}
