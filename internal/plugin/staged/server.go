package staged

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	kubetesting "k8s.io/client-go/testing"
)

// Host is the address of the API server.
const Host = "https://k:6443"

// Answer is what the pod proxy answers.
type Answer struct {
	Raw []byte
	Err error
}

// DoRaw implements rest.ResponseWrapper.
func (a Answer) DoRaw(context.Context) ([]byte, error) { return a.Raw, a.Err }

// Stream implements rest.ResponseWrapper.
func (a Answer) Stream(context.Context) (io.ReadCloser, error) { return nil, errors.ErrUnsupported }

// Serve returns an API server that holds clusters, and whose pod proxy reaches their
// controllers. Whoever asks has all rights.
func Serve(clusters ...*Cluster) *fake.Clientset {
	var objects []runtime.Object
	for _, c := range clusters {
		objects = append(objects, c.Objects()...)
	}
	client := fake.NewClientset(objects...)
	client.PrependReactor("create", "selfsubjectaccessreviews", func(kubetesting.Action) (bool, runtime.Object, error) {
		return true, &authorizationv1.SelfSubjectAccessReview{Status: authorizationv1.SubjectAccessReviewStatus{Allowed: true}}, nil
	})
	client.AddProxyReactor("pods", func(a kubetesting.Action) (bool, rest.ResponseWrapper, error) {
		get, ok := a.(kubetesting.ProxyGetAction)
		if !ok {
			return false, nil, nil
		}
		return true, proxied(clusters, get), nil
	})
	return client
}

func proxied(clusters []*Cluster, get kubetesting.ProxyGetAction) Answer {
	for _, c := range clusters {
		if !strings.HasPrefix(get.GetName(), c.Name+"-controller-") || get.GetPort() != "8080" {
			continue
		}
		switch get.GetPath() {
		case "api/v1/status":
			raw, err := json.Marshal(c.StatusOf(get.GetName()))
			return Answer{raw, err}
		case "metrics":
			return Answer{Raw: []byte("memgraph_record_epoch 4\n")}
		}
	}
	return Answer{Err: fmt.Errorf("no route to %s:%s/%s", get.GetName(), get.GetPort(), get.GetPath())}
}

// Proxy has the pod proxy answer by itself.
func Proxy(client *fake.Clientset, answer func(pod string) rest.ResponseWrapper) {
	client.ProxyReactionChain = nil
	client.AddProxyReactor("pods", func(a kubetesting.Action) (bool, rest.ResponseWrapper, error) {
		get, ok := a.(kubetesting.ProxyGetAction)
		if !ok {
			return false, nil, nil
		}
		return true, answer(get.GetName()), nil
	})
}

// Forbidden is what an API server says to somebody who may not.
func Forbidden(resource string) error {
	return apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "", errors.New("no"))
}

// Refuse has the API server answer a verb on a resource with an error.
func Refuse(client *fake.Clientset, verb, resource string, err error) {
	client.PrependReactor(verb, resource, func(kubetesting.Action) (bool, runtime.Object, error) { return true, nil, err })
}
