package request

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/kube"
)

// state is what matters of the record's ConfigMap.
type state struct {
	exists  bool
	version string
	request string
	answer  string
	rec     *cluster.Record // nil: there is none that can be read
}

func stateOf(m *corev1.ConfigMap) state {
	if m == nil {
		return state{}
	}
	s := state{exists: true, version: m.ResourceVersion, request: m.Annotations[kube.RequestAnnotation], answer: m.Annotations[kube.AnswerAnnotation]}
	if len(m.Data) > 0 {
		if rec, err := cluster.Decode(m.Data); err == nil {
			s.rec = &rec
		}
	}
	return s
}

// granted is the request that was granted last, the zero value if none was.
func (s state) granted() cluster.Accepted {
	if s.rec == nil {
		return cluster.Accepted{}
	}
	return s.rec.Request
}

// changed says in what s differs from what was planned on, or "".
func (s state) changed(planned state) string {
	switch {
	case s.request != "":
		return fmt.Sprintf("the request %q waits for an answer now", s.request)
	case (s.rec == nil) != (planned.rec == nil):
		return "the record has appeared or gone"
	case s.rec == nil:
		return ""
	case s.rec.Main != planned.rec.Main:
		return fmt.Sprintf("%s is MAIN now", s.rec.Main)
	case s.rec.Epoch != planned.rec.Epoch:
		return fmt.Sprintf("it is epoch %d now", s.rec.Epoch)
	case s.rec.Stage != planned.rec.Stage || s.rec.Paused != planned.rec.Paused:
		return fmt.Sprintf("it is %s now", s.rec.Stage)
	}
	return ""
}

// said is the answer without its time and the request that it repeats.
func (s state) said(request string) string {
	if _, text, ok := strings.Cut(s.answer, " "+request+": "); ok {
		return text
	}
	return s.answer
}
