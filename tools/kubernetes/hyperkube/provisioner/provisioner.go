// Package provisioner makes a volume for each PersistentVolumeClaim of the
// classes whose provisioner is Name, and takes it away with the claim.
//
// A volume is a directory of this machine, handed out as a "local" volume (not
// hostPath, whose fsGroup the kubelet ignores) that only the node chosen by the
// scheduler may mount. With the class parameter shared=true, or when the claim
// is bound at once, every node may: as with storage in a network, a pod can
// then follow its volume to another node.
//
// It does not enforce sizes, and knows neither snapshots nor resizing.
package provisioner

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// Name is what a StorageClass calls this provisioner.
const Name = "lab.local/directory"

const (
	annotationMaker = "pv.kubernetes.io/provisioned-by"
	annotationNode  = "volume.kubernetes.io/selected-node"
	// retry is the pause after something went wrong; nothing else may change meanwhile.
	retry = time.Second
)

// Main runs the provisioner with the given command line until ctx ends.
func Main(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("lab-provisioner", flag.ContinueOnError)
	flags.SetOutput(out)
	kubeconfig := flags.String("kubeconfig", "", "kubeconfig `file` (required)")
	directory := flags.String("directory", "", "where the volumes are made (required)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *kubeconfig == "" || *directory == "" {
		return errors.New("--kubeconfig and --directory are required")
	}
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return fmt.Errorf("read kubeconfig: %w", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	p := &provisioner{client: client, directory: *directory, log: slog.New(slog.NewTextHandler(out, nil))}
	return p.run(ctx)
}

type provisioner struct {
	client    kubernetes.Interface
	directory string
	log       *slog.Logger
}

// run looks at all claims and volumes whenever one of them changes.
func (p *provisioner) run(ctx context.Context) error {
	factory := informers.NewSharedInformerFactory(p.client, 0)
	claims, volumes := factory.Core().V1().PersistentVolumeClaims().Informer(), factory.Core().V1().PersistentVolumes().Informer()
	classes := factory.Storage().V1().StorageClasses().Informer()
	changed := make(chan struct{}, 1) // many changes make one look
	poke := func(any) {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	for _, informer := range []cache.SharedIndexInformer{claims, volumes, classes} {
		handler := cache.ResourceEventHandlerFuncs{AddFunc: poke, UpdateFunc: func(_, now any) { poke(now) }, DeleteFunc: poke}
		if _, err := informer.AddEventHandler(handler); err != nil {
			return fmt.Errorf("watch the cluster: %w", err)
		}
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	for {
		again := p.provideAll(ctx, list[*storagev1.StorageClass](classes), list[*corev1.PersistentVolumeClaim](claims))
		again = p.reclaimAll(ctx, list[*corev1.PersistentVolume](volumes)) || again
		var timer <-chan time.Time
		if again {
			timer = time.After(retry)
		}
		select {
		case <-changed:
		case <-timer:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func list[T any](informer cache.SharedIndexInformer) []T {
	var all []T
	for _, object := range informer.GetStore().List() {
		if typed, ok := object.(T); ok {
			all = append(all, typed)
		}
	}
	return all
}

// provideAll makes the volumes that are missing; true means that one could not be made.
func (p *provisioner) provideAll(ctx context.Context, classes []*storagev1.StorageClass, claims []*corev1.PersistentVolumeClaim) (again bool) {
	for _, claim := range claims {
		class, node, ok := wanted(classes, claim)
		if !ok {
			continue
		}
		volume := volumeFor(class, claim, node, p.directory)
		if err := p.provide(ctx, volume); err != nil {
			p.log.Error("volume not made, trying again", "claim", claim.Namespace+"/"+claim.Name, "err", err)
			again = true
		}
	}
	return again
}

// wanted reports whether the claim waits for us, its class, and the node that
// the scheduler chose ("": any).
func wanted(classes []*storagev1.StorageClass, claim *corev1.PersistentVolumeClaim) (*storagev1.StorageClass, string, bool) {
	if claim.Spec.VolumeName != "" || claim.Spec.StorageClassName == nil || claim.DeletionTimestamp != nil {
		return nil, "", false
	}
	for _, class := range classes {
		if class.Name != *claim.Spec.StorageClassName || class.Provisioner != Name {
			continue
		}
		node := claim.Annotations[annotationNode]
		waits := class.VolumeBindingMode != nil && *class.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
		return class, node, node != "" || !waits
	}
	return nil, "", false
}

// volumeFor is the volume that answers the claim.
func volumeFor(class *storagev1.StorageClass, claim *corev1.PersistentVolumeClaim, node, directory string) *corev1.PersistentVolume {
	name := "pvc-" + string(claim.UID)
	where := corev1.NodeSelectorRequirement{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{node}}
	if node == "" || class.Parameters["shared"] == "true" {
		where = corev1.NodeSelectorRequirement{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpExists}
	}
	size, ok := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	if !ok {
		size = resource.MustParse("1Gi")
	}
	policy := corev1.PersistentVolumeReclaimDelete
	if class.ReclaimPolicy != nil {
		policy = *class.ReclaimPolicy
	}
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{annotationMaker: Name}},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: size},
			AccessModes:                   claim.Spec.AccessModes,
			PersistentVolumeReclaimPolicy: policy,
			StorageClassName:              class.Name,
			VolumeMode:                    claim.Spec.VolumeMode,
			ClaimRef: &corev1.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim",
				Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID,
			},
			PersistentVolumeSource: corev1.PersistentVolumeSource{
				Local: &corev1.LocalVolumeSource{Path: filepath.Join(directory, name)},
			},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{
				NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{where}}},
			}},
		},
	}
}

func (p *provisioner) provide(ctx context.Context, volume *corev1.PersistentVolume) error {
	path := volume.Spec.Local.Path
	if err := os.MkdirAll(path, 0o755); err != nil {
		return fmt.Errorf("make volume: %w", err)
	}
	// Any user of the pod may write, as on a freshly formatted disk whose group
	// the kubelet then sets; the umask must not decide that.
	if err := os.Chmod(path, 0o777); err != nil {
		return fmt.Errorf("open volume to the pod: %w", err)
	}
	_, err := p.client.CoreV1().PersistentVolumes().Create(ctx, volume, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("create volume %s: %w", volume.Name, err)
	}
	p.log.Info("volume made", "volume", volume.Name, "claim", volume.Spec.ClaimRef.Namespace+"/"+volume.Spec.ClaimRef.Name)
	return nil
}

// reclaimAll deletes the volumes whose claim is gone; true means that one could not be.
func (p *provisioner) reclaimAll(ctx context.Context, volumes []*corev1.PersistentVolume) (again bool) {
	for _, volume := range volumes {
		if !reclaimable(volume) {
			continue
		}
		if err := p.reclaim(ctx, volume); err != nil {
			p.log.Error("volume not deleted, trying again", "volume", volume.Name, "err", err)
			again = true
		}
	}
	return again
}

func reclaimable(volume *corev1.PersistentVolume) bool {
	return volume.Annotations[annotationMaker] == Name && volume.Spec.Local != nil &&
		volume.Status.Phase == corev1.VolumeReleased && volume.DeletionTimestamp == nil &&
		volume.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimDelete
}

func (p *provisioner) reclaim(ctx context.Context, volume *corev1.PersistentVolume) error {
	// The path is this program's own: never follow what somebody wrote into the object.
	if err := os.RemoveAll(filepath.Join(p.directory, filepath.Base(volume.Name))); err != nil {
		return fmt.Errorf("remove volume: %w", err)
	}
	err := p.client.CoreV1().PersistentVolumes().Delete(ctx, volume.Name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete volume %s: %w", volume.Name, err)
	}
	p.log.Info("volume deleted", "volume", volume.Name)
	return nil
}
