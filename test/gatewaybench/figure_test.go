package main

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

func rounds(values ...[ways]float64) []round {
	var all []round
	for _, v := range values {
		all = append(all, round{{"q": v[direct]}, {"q": v[haproxy]}, {"q": v[ours]}})
	}
	return all
}

func TestLines(t *testing.T) {
	for name, c := range map[string]struct {
		figure figure
		rounds []round
		want   string
	}{
		"what is added is added to the same round": {
			figure{name: "added_us", quantity: "q", added: true, bar: bar{ratioAtMost, 1.1}},
			rounds([ways]float64{10, 20, 21}, [ways]float64{110, 120, 121}, [ways]float64{10, 30, 90}),
			`{"figure":"added_us","direct":10,"haproxy":10,"ours":11,"ratio":1.1,"spread":[1.1,4],"bar":"ratio at most 1.1","met":true,"rounds":3,"against":""}`,
		},
		"a rate that is too low": {
			figure{name: "rate", quantity: "q", bar: bar{ratioAtLeast, 0.9}},
			rounds([ways]float64{200, 100, 89}),
			`{"figure":"rate","direct":200,"haproxy":100,"ours":89,"ratio":0.89,"spread":[0.89,0.89],"bar":"ratio at least 0.9","met":false,"rounds":1,"against":""}`,
		},
		"without direct": {
			figure{name: "mib", quantity: "q", alone: true, bar: bar{oursAtMost, 64}},
			rounds([ways]float64{0, 10, 64}),
			`{"figure":"mib","direct":null,"haproxy":10,"ours":64,"ratio":6.4,"spread":[6.4,6.4],"bar":"ours at most 64","met":true,"rounds":1,"against":""}`,
		},
		"no ratio where noise was larger than what was measured": {
			figure{name: "added_us", quantity: "q", added: true, bar: bar{ratioAtMost, 1.1}},
			rounds([ways]float64{10, 9, 8}),
			`{"figure":"added_us","direct":10,"haproxy":-1,"ours":-2,"ratio":null,"bar":"ratio at most 1.1","rounds":1,"against":""}`,
		},
		"no bar": {
			figure{name: "cpu", quantity: "q"},
			rounds([ways]float64{1, 2, 3}),
			`{"figure":"cpu","direct":1,"haproxy":2,"ours":3,"ratio":1.5,"spread":[1.5,1.5],"rounds":1,"against":""}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := json.Marshal(c.figure.line(c.rounds))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestMedianAndPercentile(t *testing.T) {
	for _, c := range []struct {
		of       []float64
		median   float64
		p25, p99 float64
	}{
		{[]float64{3}, 3, 3, 3},
		{[]float64{3, 1}, 2, 1, 3},
		{[]float64{5, 1, 3}, 3, 1, 5},
		{[]float64{4, 3, 2, 1}, 2.5, 1, 4},
	} {
		if got := median(c.of); got != c.median {
			t.Errorf("median of %v is %v, want %v", c.of, got, c.median)
		}
		if got := percentile(c.of, 25); got != c.p25 {
			t.Errorf("25th percentile of %v is %v, want %v", c.of, got, c.p25)
		}
		if got := percentile(c.of, 99); got != c.p99 {
			t.Errorf("99th percentile of %v is %v, want %v", c.of, got, c.p99)
		}
	}
}

func TestDigits(t *testing.T) {
	for v, want := range map[float64]float64{0: 0, 1.23456: 1.235, -0.0123456: -0.01235, 123456: 123500, 999.96: 1000} {
		if got := *digits(v); got != want {
			t.Errorf("%v becomes %v, want %v", v, got, want)
		}
	}
}

func TestWhatTheKernelSays(t *testing.T) {
	if got, err := residentIn("Name:\tx\nVmHWM:\t  9 kB\nVmRSS:\t   2048 kB\n"); err != nil || got != 2<<20 {
		t.Errorf("resident %d, %v", got, err)
	}
	for _, status := range []string{"", "VmRSS:\t x kB\n"} {
		if _, err := residentIn(status); err == nil {
			t.Errorf("%q is read as memory", status)
		}
	}
	if got, err := ranIn("1500000 7 3\n"); err != nil || got != 1500*time.Microsecond {
		t.Errorf("ran %v, %v", got, err)
	}
	if _, err := ranIn(""); err == nil {
		t.Error("nothing is read as time")
	}
}

// Each way is first, second and last equally often.
func TestTurns(t *testing.T) {
	var order []int
	_, err := new(stage).turns(t.Context(), 3, func(which int) (reading, error) {
		order = append(order, which)
		return reading{}, nil
	})
	if want := []int{0, 1, 2, 1, 2, 0, 2, 0, 1}; err != nil || !reflect.DeepEqual(order, want) {
		t.Errorf("ways come as %v, %v, want %v", order, err, want)
	}
}

func TestVersionOfHAProxy(t *testing.T) {
	for said, want := range map[string]string{
		"HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/\nStatus: …": "HAProxy 2.6.12-1+deb12u4",
		"": "HAProxy",
	} {
		if got := versionIn(said); got != want {
			t.Errorf("%q is %q, want %q", said, got, want)
		}
	}
}

func TestOptionsAreRefused(t *testing.T) {
	good := options{rounds: 1, slice: time.Second, mib: 1, only: "bulk,latency"}
	if err := good.check(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*options){
		"rounds": func(o *options) { o.rounds = 0 }, "slice": func(o *options) { o.slice = 0 }, "mib": func(o *options) { o.mib = 0 },
		"tls": func(o *options) { o.tls = "perhaps" }, "only": func(o *options) { o.only = "speed" }, "profile": func(o *options) { o.profile = "f" },
	} {
		bad := good
		spoil(&bad)
		if bad.check() == nil {
			t.Errorf("a bad %s is accepted", name)
		}
	}
}
