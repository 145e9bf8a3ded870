package view

import (
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"

	"memgraph-controller/internal/api"
	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/kube"
)

// View is one cluster at one moment.
type View struct {
	Release Release   `json:"release"`
	At      time.Time `json:"at"` // by the API server's clock, if that was told
	Phase   string    `json:"phase"`

	Record      *Record      `json:"record"`             // null: there is none, or it could not be read
	Request     string       `json:"request,omitempty"`  // that waits for an answer
	Answer      string       `json:"answer,omitempty"`   // to the last one
	Decision    string       `json:"decision,omitempty"` // of the leader
	Error       string       `json:"error,omitempty"`    // of the leader
	Leader      string       `json:"leader,omitempty"`   // empty: nobody leads
	Lease       *Lease       `json:"lease"`
	Nodes       []Node       `json:"nodes"`
	Controllers []Controller `json:"controllers"`

	Conditions []api.Condition `json:"conditions,omitempty"` // by the leader
	Risk       Risk            `json:"risk"`
	Missing    []Missing       `json:"missing,omitempty"`
}

// Record is what the record says.
type Record struct {
	api.Record
	Name       string    `json:"name"`
	WrittenBy  string    `json:"writtenBy,omitempty"`
	Rebuilding []string  `json:"rebuilding,omitempty"`
	History    []Reign   `json:"history,omitempty"` // oldest first
	Since      time.Time `json:"since,omitzero"`    // of this reign
}

// Lease says who leads, as Kubernetes sees it.
type Lease struct {
	Holder  string        `json:"holder,omitempty"`
	Renewed time.Time     `json:"renewed,omitzero"`
	Lasts   time.Duration `json:"-"`
	Expired bool          `json:"expired"`
}

// Controller is one controller replica.
type Controller struct {
	Pod     Pod          `json:"pod"`
	Leading bool         `json:"leading"`
	Version string       `json:"version,omitempty"`
	Gateway *api.Gateway `json:"gateway,omitempty"` // nil: it could not be asked
	Error   string       `json:"error,omitempty"`   // why it could not be asked
}

// Pod is what the API server knows of a pod.
type Pod struct {
	Name     string    `json:"name"`
	Phase    string    `json:"phase"` // or the reason why its container does not run
	Ready    bool      `json:"ready"`
	Restarts int32     `json:"restarts"`
	Machine  string    `json:"machine,omitempty"`
	Created  time.Time `json:"created,omitzero"`
}

// Raw is what was read of a cluster. What is nil was not there, or is Missing.
type Raw struct {
	Release   Release
	Now       time.Time
	ConfigMap *corev1.ConfigMap
	Lease     *coordinationv1.Lease
	Pods      []corev1.Pod
	Told      map[string]Told // by pod of a controller
	Missing   []Missing
}

// Told is what a controller answered.
type Told struct {
	Status *api.Status
	Err    error
}

// Of makes a view of what was read.
func Of(raw Raw) View {
	v := View{Release: raw.Release, At: raw.Now.UTC().Truncate(time.Second), Phase: api.Bootstrap, Missing: raw.Missing}
	v.lease(raw.Lease)
	leader := v.controllers(raw)
	v.record(raw.ConfigMap)
	if leader != nil {
		v.Leader, v.Decision, v.Error, v.Conditions = leader.Identity, leader.Decision, leader.Error, leader.Conditions
	}
	v.nodes(raw, leader)
	v.Risk = riskOf(v)
	return v
}

// lease takes over the lease, and who leads by it.
func (v *View) lease(l *coordinationv1.Lease) {
	if l == nil {
		return
	}
	v.Lease = &Lease{}
	if l.Spec.HolderIdentity != nil {
		v.Lease.Holder = *l.Spec.HolderIdentity
	}
	if l.Spec.RenewTime != nil {
		v.Lease.Renewed = l.Spec.RenewTime.Time
	}
	if l.Spec.LeaseDurationSeconds != nil {
		v.Lease.Lasts = time.Duration(*l.Spec.LeaseDurationSeconds) * time.Second
	}
	v.Lease.Expired = v.Lease.Holder == "" || v.At.Sub(v.Lease.Renewed) > v.Lease.Lasts
	if !v.Lease.Expired {
		v.Leader = v.Lease.Holder
	}
}

// record takes over the ConfigMap. One without data is no record, but may carry a
// request.
func (v *View) record(m *corev1.ConfigMap) {
	if m == nil {
		if v.missing(RecordPart) {
			v.Phase = api.Unknown
		}
		return
	}
	v.Request, v.Answer = m.Annotations[kube.RequestAnnotation], m.Annotations[kube.AnswerAnnotation]
	if len(m.Data) == 0 {
		return
	}
	rec, err := cluster.Decode(m.Data)
	if err != nil {
		v.Phase = api.Unknown
		v.Missing = append(v.Missing, Missing{What: RecordPart, Why: err.Error()})
		return
	}
	v.Phase = api.Operational
	v.Record = recordOf(rec, v.Release)
	v.Record.Name = m.Name
}

func recordOf(rec cluster.Record, r Release) *Record {
	shown := &Record{Record: *api.RecordOf(rec, r.NodeName), WrittenBy: rec.Leader}
	for _, b := range rec.Rebuilds {
		shown.Rebuilding = append(shown.Rebuilding, r.NodeName(b.Node))
	}
	shown.History = reigns(rec.History, r)
	for i := len(shown.History) - 1; i >= 0 && shown.History[len(shown.History)-1].Epoch == shown.Epoch; i-- {
		h := shown.History[i]
		if h.Main != shown.Main || i < len(shown.History)-1 && h.Lost {
			break
		}
		shown.Since = h.Began // epochs that follow each other without a loss are one spell as MAIN
	}
	return shown
}

// controllers takes over the controllers, and returns the status of the one that
// leads, nil if that could not be asked. The leader is known by the lease, too, where
// pods may not be listed.
func (v *View) controllers(raw Raw) *api.Status {
	var leader *api.Status
	if v.missing(PodsPart) && v.Leader != "" {
		c := Controller{Pod: Pod{Name: v.Leader}, Leading: true}
		if leader = raw.Told[v.Leader].Status; leader != nil {
			c.Version, c.Gateway = leader.Version, &leader.Gateway
		}
		v.Controllers = append(v.Controllers, c)
	}
	for i := range raw.Pods {
		p := &raw.Pods[i]
		if p.Labels[ComponentLabel] != ControllerComponent {
			continue
		}
		c := Controller{Pod: podOf(p, ControllerComponent), Leading: p.Name == v.Leader}
		told := raw.Told[p.Name]
		switch {
		case told.Status != nil:
			c.Version, c.Gateway, c.Leading = told.Status.Version, &told.Status.Gateway, told.Status.Leading
			if told.Status.Leading && (leader == nil || p.Name == v.Leader) {
				leader = told.Status
			}
		case told.Err != nil:
			c.Error = told.Err.Error()
		}
		v.Controllers = append(v.Controllers, c)
	}
	return leader
}

func podOf(p *corev1.Pod, container string) Pod {
	shown := Pod{Name: p.Name, Phase: string(p.Status.Phase), Machine: p.Spec.NodeName, Created: p.CreationTimestamp.Time}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			shown.Ready = c.Status == corev1.ConditionTrue
		}
	}
	for _, c := range p.Status.ContainerStatuses {
		if c.Name != container {
			continue
		}
		shown.Restarts = c.RestartCount
		switch {
		case c.State.Waiting != nil && c.State.Waiting.Reason != "":
			shown.Phase = c.State.Waiting.Reason
		case c.State.Terminated != nil && c.State.Terminated.Reason != "":
			shown.Phase = c.State.Terminated.Reason
		}
	}
	if p.DeletionTimestamp != nil {
		shown.Phase = "Terminating"
	}
	return shown
}
