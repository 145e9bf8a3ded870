package lab

import (
	"path/filepath"

	"memgraph-controller/test/lab/machine"
)

// components are the programs of a machine.
func (s state) components(h host) []machine.Component {
	var all []machine.Component
	switch h {
	case controlPlane:
		all = s.controlPlaneComponents()
	case client:
		all = []machine.Component{
			{Name: "coredns", Args: []string{s.program("coredns"), "-conf", filepath.Join(h.disk(), "Corefile")}, WaitFor: apiAddress},
			s.proxy(h),
		}
	default:
		all = s.nodeComponents(h)
	}
	for i := range all {
		all[i].Log = filepath.Join(h.logs(), all[i].Name+".log")
		// Half a dozen nodes share this machine's memory.
		all[i].Env = append(all[i].Env, "GOGC=75")
	}
	return all
}

const apiAddress = "tcp:" + controlIP + ":" + apiPort

// idleControllers are switched off: nothing in the lab asks for them, and some
// of them poll.
const idleControllers = "*,-certificatesigningrequest-approving-controller,-certificatesigningrequest-cleaner-controller," +
	"-certificatesigningrequest-signing-controller,-cronjob-controller,-device-taint-eviction-controller,-endpointslice-mirroring-controller," +
	"-horizontal-pod-autoscaler-controller,-legacy-serviceaccount-token-cleaner-controller,-persistentvolume-attach-detach-controller," +
	"-persistentvolume-expander-controller,-podcertificaterequest-cleaner-controller,-resourceclaim-controller," +
	"-storageversion-garbage-collector-controller,-storage-version-migrator-controller,-ttl-after-finished-controller," +
	"-validatingadmissionpolicy-status-controller,-volumeattributesclass-protection-controller"

func (s state) program(name string) string { return filepath.Join(s.Programs, name) }

func (s state) controlPlaneComponents() []machine.Component {
	disk := host(controlPlane).disk()
	manager, scheduler := kubeconfigPath("kube-controller-manager"), kubeconfigPath("kube-scheduler")
	return []machine.Component{
		{Name: "etcd", Args: []string{
			s.program("etcd"), "--data-dir", filepath.Join(disk, "etcd"), "--unsafe-no-fsync", "--log-level", "warn",
			"--listen-client-urls", "http://127.0.0.1:2379", "--advertise-client-urls", "http://127.0.0.1:2379",
			"--listen-peer-urls", "http://127.0.0.1:2380", "--initial-advertise-peer-urls", "http://127.0.0.1:2380",
			"--initial-cluster", "default=http://127.0.0.1:2380",
		}},
		{Name: "kube-apiserver", WaitFor: "tcp:127.0.0.1:2379", Args: []string{
			s.program("kube-apiserver"), "--etcd-servers", "http://127.0.0.1:2379",
			"--bind-address", "0.0.0.0", "--advertise-address", controlIP, "--secure-port", apiPort,
			"--tls-cert-file", labSecrets.certificate(), "--tls-private-key-file", labSecrets.key(),
			"--service-cluster-ip-range", serviceRange,
			"--service-account-issuer", "https://kubernetes.default.svc." + domain,
			"--service-account-key-file", labSecrets.serviceAccounts(), "--service-account-signing-key-file", labSecrets.serviceAccounts(),
			"--token-auth-file", labSecrets.tokens(), "--authorization-mode", "Node,RBAC",
			"--enable-admission-plugins", "NodeRestriction", "--allow-privileged",
			"--kubelet-preferred-address-types", "InternalIP",
			"--audit-policy-file", filepath.Join(disk, "audit.yaml"), "--audit-log-path", auditPath, "--audit-log-maxsize", "1024",
		}},
		{Name: "kube-controller-manager", WaitFor: apiAddress, Args: []string{
			s.program("kube-controller-manager"), "--kubeconfig", manager,
			"--authentication-kubeconfig", manager, "--authorization-kubeconfig", manager, "--authentication-skip-lookup",
			"--leader-elect=false", "--use-service-account-credentials", "--controllers", idleControllers,
			"--service-account-private-key-file", labSecrets.serviceAccounts(), "--root-ca-file", labSecrets.authority(),
			"--node-monitor-grace-period", s.NodeGrace.String(),
		}},
		{Name: "kube-scheduler", WaitFor: apiAddress, Args: []string{
			s.program("kube-scheduler"), "--kubeconfig", scheduler,
			"--authentication-kubeconfig", scheduler, "--authorization-kubeconfig", scheduler, "--authentication-skip-lookup",
			"--leader-elect=false",
		}},
		{Name: "lab-provisioner", WaitFor: apiAddress, Args: []string{
			s.program("lab-provisioner"), "--kubeconfig", kubeconfigPath("lab-provisioner"), "--directory", volumesDir,
		}},
		s.proxy(controlPlane), // the API server calls webhooks by their Service's address
	}
}

func (s state) nodeComponents(h host) []machine.Component {
	return []machine.Component{
		{Name: "containerd", Args: []string{"containerd", "--config", filepath.Join(h.disk(), "containerd.toml")}},
		{Name: "kubelet", WaitFor: "unix:" + h.containerd(), Args: []string{
			s.program("kubelet"), "--config", filepath.Join(h.disk(), "kubelet.yaml"), "--root-dir", filepath.Join(h.disk(), "kubelet"),
			"--kubeconfig", kubeconfigPath(string(h)), "--hostname-override", string(h), "--node-ip", h.ip(),
			"--housekeeping-interval", "1m",
		}},
		s.proxy(h),
		{Name: "lab-netpol", WaitFor: apiAddress, Args: []string{
			s.program("lab-netpol"), "--kubeconfig", kubeconfigPath("lab-netpol"), "--node", string(h),
		}},
	}
}

func (s state) proxy(h host) machine.Component {
	return machine.Component{
		Name: "kube-proxy", WaitFor: apiAddress,
		Args: []string{s.program("kube-proxy"), "--config", filepath.Join(h.disk(), "kube-proxy.yaml")},
	}
}
