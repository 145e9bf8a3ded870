package problem

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Act is one thing that is done to one kind of object, as RBAC sees it.
type Act struct {
	Verb      string `json:"verb"`
	Resource  string `json:"resource"`       // with its group: deployments.apps
	Name      string `json:"name,omitempty"` // empty: of all
	Namespace string `json:"namespace,omitempty"`
}

// String returns e.g. `get configmaps "state" in namespace shop`.
func (a Act) String() string {
	text := a.Verb + " " + a.Resource
	if a.Name != "" {
		text += fmt.Sprintf(" %q", a.Name)
	}
	if a.Namespace != "" {
		text += " in namespace " + a.Namespace
	}
	return text
}

// Grant returns the command by which an administrator gives the right.
func (a Act) Grant() string {
	kind := "role"
	if a.Namespace == "" {
		kind = "clusterrole"
	}
	text := fmt.Sprintf("kubectl create %s NAME --verb=%s --resource=%s", kind, a.Verb, a.Resource)
	if a.Namespace != "" {
		text += " -n " + a.Namespace
	}
	return text + ", and bind it"
}

// Denied says that the caller may not do Act.
type Denied struct {
	Act Act
	Err error
}

// Error names the verb, the object and the next step.
func (d *Denied) Error() string {
	return fmt.Sprintf("you may not %s: ask an administrator for it (%s), or use another --context", d.Act, d.Act.Grant())
}

// Unwrap returns what the API server said.
func (d *Denied) Unwrap() error { return d.Err }

// Unreachable says that the API server did not answer.
type Unreachable struct {
	Host string
	Err  error
}

// Error names the address and the next step.
func (u *Unreachable) Error() string {
	why := u.Err
	if of := (*url.Error)(nil); errors.As(u.Err, &of) {
		why = of.Err // without the question, which is long
	}
	return fmt.Sprintf("the API server at %s does not answer: %v; see whether kubectl version reaches it, and which server --context, --kubeconfig and KUBECONFIG name", u.Host, why)
}

// Unwrap returns what the network said.
func (u *Unreachable) Unwrap() error { return u.Err }

// Explain puts an error that a was answered with by the API server at host into
// words. It returns nil for nil.
func Explain(err error, a Act, host string) error {
	var status apierrors.APIStatus
	switch {
	case err == nil:
		return nil
	case apierrors.IsForbidden(err):
		return &Denied{Act: a, Err: err}
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("the API server at %s does not know you: log in again, or use another --context: %w", host, err)
	case errors.Is(err, context.Canceled):
		return err
	case !errors.As(err, &status):
		return &Unreachable{Host: host, Err: err}
	}
	return fmt.Errorf("%s: %w", a, err)
}
