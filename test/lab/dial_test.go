package lab

import (
	"slices"
	"testing"
)

func TestCandidates(t *testing.T) {
	for _, test := range []struct {
		name string
		want []string
	}{
		{"web.default.svc.cluster.local", []string{"web.default.svc.cluster.local."}},
		{"web.default.svc.cluster.local.", []string{"web.default.svc.cluster.local."}},
		{"web.default.svc", []string{"web.default.svc.cluster.local."}},
		{"web.default.svc.", []string{"web.default.svc.cluster.local."}},
		{"web-0.web.default.svc", []string{"web-0.web.default.svc.cluster.local."}},
		{"web.default", []string{"web.default.svc.cluster.local.", "web.default."}},
		{"example.org", []string{"example.org.svc.cluster.local.", "example.org."}},
		{"notcluster.local", []string{"notcluster.local.svc.cluster.local.", "notcluster.local."}},
	} {
		if got := candidates(test.name); !slices.Equal(got, test.want) {
			t.Errorf("%s may be %q, want %q", test.name, got, test.want)
		}
	}
}
