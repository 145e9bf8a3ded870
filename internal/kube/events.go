package kube

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	typed "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
)

// Events tells what a leader does as Kubernetes Events: about the cluster on the
// record's ConfigMap, about a node on its pod. Events of the same kind are counted,
// not repeated, and may be dropped when there are too many or the API server is away.
type Events struct {
	pods     *Pods
	recorder record.EventRecorder
	end      func()
}

// NewEvents returns a teller of Events. Close it when done.
func NewEvents(ctx context.Context, p *Pods) *Events {
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	broadcaster.StartRecordingToSink(&typed.EventSinkImpl{Interface: p.c.chatter.CoreV1().Events(p.c.Namespace)})
	return &Events{
		pods:     p,
		recorder: broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: p.c.App, Host: p.c.Pod}),
		end:      broadcaster.Shutdown,
	}
}

// Close ends the telling; what was not sent yet is lost.
func (e *Events) Close() { e.end() }

// longest is how much of a message is sent; the log has all of it.
const longest = 1000

// Tell sends an Event. It does not block.
func (e *Events) Tell(v controller.News) {
	kind := corev1.EventTypeNormal
	if v.Warning {
		kind = corev1.EventTypeWarning
	}
	e.recorder.Event(e.about(v.Node), kind, v.Topic, clip(v.Message))
}

// clip shortens a text that is too long.
func clip(s string) string {
	if len(s) <= longest {
		return s
	}
	return strings.ToValidUTF8(s[:longest], "") + " …"
}

// about returns the object an Event is about.
func (e *Events) about(n cluster.Ordinal) *corev1.ObjectReference {
	c := e.pods.c
	if pod := e.pods.pod(n); pod != nil {
		return &corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID}
	}
	about := &corev1.ObjectReference{APIVersion: "v1", Kind: "ConfigMap", Namespace: c.Namespace, Name: c.Record}
	if uid := c.uid.Load(); uid != nil {
		about.UID = types.UID(*uid) // without it "kubectl describe" does not show the Event
	}
	return about
}
