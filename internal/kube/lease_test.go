package kube

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestLeaseIsCreatedByOne(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.Lock(nil), w.controller("controller-b").Lock(nil)
		if _, _, err := a.Get(w.ctx); !apierrors.IsNotFound(err) {
			t.Fatalf("Get of no lease: %v; want not found, which makes the election create it", err)
		}
		if err := a.Create(w.ctx, leaseOf(a.Identity())); err != nil {
			t.Fatal(err)
		}
		if err := b.Create(w.ctx, leaseOf(b.Identity())); !apierrors.IsAlreadyExists(err) {
			t.Fatalf("a second Create: %v; want already exists", err)
		}
		rec, _, err := b.Get(w.ctx)
		if err != nil || rec.HolderIdentity != "controller-a" || a.Identity() != "controller-a" {
			t.Fatalf("b reads %+v, %v; want controller-a as its holder", rec, err)
		}
	})
}

func TestLeaseIsTakenAtTheVersionThatWasRead(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.Lock(nil), w.controller("controller-b").Lock(nil)
		if err := a.Create(w.ctx, leaseOf("controller-a")); err != nil {
			t.Fatal(err)
		}
		if _, _, err := b.Get(w.ctx); err != nil {
			t.Fatal(err)
		}
		if err := a.Update(w.ctx, leaseOf("controller-a")); err != nil {
			t.Fatal(err)
		}
		if err := b.Update(w.ctx, leaseOf("controller-b")); !apierrors.IsConflict(err) {
			t.Fatalf("Update at an old version: %v; want a conflict", err)
		}
		if rec, _, err := b.Get(w.ctx); err != nil || rec.HolderIdentity != "controller-a" {
			t.Fatalf("the lease is %+v, %v; want controller-a's", rec, err)
		}
		if w.log.String() != "" {
			t.Fatalf("a conflict is ordinary, and the log says:\n%s", w.log)
		}
	})
}

// TestHolderAsksAsLongAsItMay: whoever renews has until its deadline, others must
// come back to look at the clock.
func TestHolderAsksAsLongAsItMay(t *testing.T) {
	inWorld(t, func(w *world) {
		holder, other := w.Lock(nil), w.controller("controller-b").Lock(nil)
		if err := holder.Create(w.ctx, leaseOf("controller-a")); err != nil {
			t.Fatal(err)
		}
		if _, _, err := other.Get(w.ctx); err != nil {
			t.Fatal(err)
		}
		w.down()
		began := time.Now()
		if _, _, err := other.Get(w.ctx); err == nil || time.Since(began) < challenge || time.Since(began) > challenge+2*time.Second {
			t.Fatalf("a challenger's Get in an outage: %v after %s; want an error after about %s", err, time.Since(began), challenge)
		}
		ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
		defer cancel()
		began = time.Now()
		if _, _, err := holder.Get(ctx); err == nil || time.Since(began) != time.Minute {
			t.Fatalf("the holder's Get in an outage: %v after %s; want an error when its time is over", err, time.Since(began))
		}
	})
}

func TestLeaseRequestIsBounded(t *testing.T) {
	inWorld(t, func(w *world) {
		lock := w.Lock(nil)
		if err := lock.Create(w.ctx, leaseOf("controller-a")); err != nil {
			t.Fatal(err)
		}
		w.freeze()
		defer w.thaw()
		began := time.Now()
		if err := lock.Update(w.ctx, leaseOf("controller-a")); err == nil || time.Since(began) > requestTimeout {
			t.Fatalf("Update of a frozen API server: %v after %s; want an error within %s", err, time.Since(began), requestTimeout)
		}
	})
}

func TestForbiddenLeaseIsReturnedAndToldOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		w.deny("get leases")
		lock := w.Lock(nil)
		for range 20 {
			began := time.Now()
			if _, _, err := lock.Get(w.ctx); !apierrors.IsForbidden(err) || time.Since(began) > 0 {
				t.Fatalf("Get without the right: %v after %s; want it refused at once", err, time.Since(began))
			}
			pass(2 * time.Second)
		}
		if w.log.lines("level=ERROR") != 1 || w.log.lines(`cannot get resource \"leases\"`) != 1 {
			t.Fatalf("log:\n%s\nwant one line that names the right", w.log)
		}
	})
}

func TestOutageIsToldOnceInAWhile(t *testing.T) {
	inWorld(t, func(w *world) {
		silence := errors.New("connection refused")
		for range 14 * 60 {
			w.outage.tell(w.Cluster, silence)
			pass(time.Second)
		}
		if n := w.log.lines("does not answer"); n != 3 {
			t.Fatalf("%d lines about an outage of 14m; want 3:\n%s", n, w.log)
		}
		w.outage.over(w.Cluster)
		w.outage.over(w.Cluster)
		if w.log.lines("answers again") != 1 || w.log.lines("took=14m0s") != 1 {
			t.Fatalf("log:\n%s\nwant its end told once, with how long it took", w.log)
		}
		for range 100 { // one that comes and goes
			w.outage.tell(w.Cluster, silence)
			w.outage.over(w.Cluster)
		}
		if n := w.log.lines("does not answer"); n != 3 {
			t.Fatalf("%d lines, with 100 short outages after; want still 3", n)
		}
	})
}

func TestWhatCountsAsUnanswered(t *testing.T) {
	tooNew := apierrors.NewTimeoutError("Too large resource version: 9, current: 1", 1)
	tooNew.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: metav1.CauseTypeResourceVersionTooLarge}}
	for what, c := range map[string]struct {
		err  error
		want bool
	}{
		"refused":         {errors.New("connect: connection refused"), true},
		"timeout":         {context.DeadlineExceeded, true},
		"500":             {apierrors.NewInternalError(errors.New("etcd")), true},
		"503":             {apierrors.NewServiceUnavailable("starting"), true},
		"504":             {apierrors.NewTimeoutError("etcd", 1), true},
		"429":             {apierrors.NewTooManyRequests("wait", 1), true},
		"bad gateway":     {apierrors.NewGenericServerResponse(http.StatusBadGateway, "get", group("pods"), "", "", 0, true), true},
		"version too new": {tooNew, false},
		"403":             {apierrors.NewForbidden(group("pods"), "", errors.New("no")), false},
		"404":             {apierrors.NewNotFound(group("pods"), "x"), false},
		"409":             {apierrors.NewConflict(group("pods"), "x", errors.New("no")), false},
		"410":             {apierrors.NewResourceExpired("old"), false},
		"422":             {apierrors.NewBadRequest("no"), false},
	} {
		if got := unanswered(c.err); got != c.want {
			t.Errorf("unanswered(%s) = %t; want %t", what, got, c.want)
		}
	}
}
