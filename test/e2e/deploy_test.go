// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// object is a Kubernetes object, as far as these tests look.
type object struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct{ Name, Namespace string }
	Data       map[string]string
	Spec       struct {
		PodSelector struct {
			MatchLabels map[string]string `yaml:"matchLabels"`
		} `yaml:"podSelector"`
		Egress []struct {
			To []struct {
				IPBlock *struct{} `yaml:"ipBlock"`
			}
		}
		Selector struct {
			MatchLabels map[string]string `yaml:"matchLabels"`
		}
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     podSpec
		}
		VolumeClaimTemplates []struct{ Metadata struct{ Name string } } `yaml:"volumeClaimTemplates"`
	}
}

type podSpec struct {
	Containers     []container
	InitContainers []container `yaml:"initContainers"`
	Volumes        []struct {
		Name      string
		ConfigMap *struct{ Name string } `yaml:"configMap"`
		Secret    *struct {
			SecretName string `yaml:"secretName"`
		}
	}
}

type container struct {
	Name, Image string
	Args        []string
	Env         []struct {
		Name, Value string
		ValueFrom   any `yaml:"valueFrom"`
	}
	Ports []struct {
		Name          string
		ContainerPort int `yaml:"containerPort"`
	}
	StartupProbe, LivenessProbe, ReadinessProbe *probe
	Resources                                   struct{ Requests, Limits map[string]string }
	VolumeMounts                                []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
}

type probe struct {
	HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
}

// UnmarshalYAML reads the probes, whose names yaml would fold.
func (c *container) UnmarshalYAML(n *yaml.Node) error {
	type plain container
	var probes struct {
		Startup   *probe `yaml:"startupProbe"`
		Liveness  *probe `yaml:"livenessProbe"`
		Readiness *probe `yaml:"readinessProbe"`
	}
	err := errors.Join(n.Decode((*plain)(c)), n.Decode(&probes))
	c.StartupProbe, c.LivenessProbe, c.ReadinessProbe = probes.Startup, probes.Liveness, probes.Readiness
	return err
}

func readObjects(t *testing.T, file string) (out []object) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dec := yaml.NewDecoder(f)
	for {
		var o object
		if err := dec.Decode(&o); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if o.APIVersion == "" || o.Kind == "" || o.Metadata.Name == "" {
			t.Errorf("%s: an object without apiVersion, kind or name", file)
		}
		out = append(out, o)
	}
}

// mebibytes reads 640Mi, 2Gi and 512MiB.
func mebibytes(t *testing.T, quantity string) float64 {
	t.Helper()
	m := regexp.MustCompile(`^(\d+)([MG])iB?$`).FindStringSubmatch(quantity)
	if m == nil {
		t.Errorf("quantity %q", quantity)
		return 0
	}
	n, _ := strconv.ParseFloat(m[1], 64)
	if m[2] == "G" {
		n *= 1024
	}
	return n
}

var fileSource = regexp.MustCompile(`\$\{file:([^}]+)\}`)

// deployed is how a container or service starts the collector.
type deployed struct {
	args  []string
	env   map[string]string
	files map[string]string // path in the container to content
}

// check validates the configuration with the real collector, the files being where
// they would be, below a directory of the test.
func (d deployed) check(t *testing.T) {
	t.Helper()
	root := t.TempDir()
	put := func(name, content string) {
		name = filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	moved := strings.NewReplacer("/run/secrets/", root+"/run/secrets/", "/etc/otelcol-apispan", root+"/etc/otelcol-apispan")
	for name, content := range d.files {
		for _, m := range fileSource.FindAllStringSubmatch(content, -1) {
			put(m[1], "a-secret")
		}
		put(name, moved.Replace(content))
	}
	shipped := filepath.Join(repoRoot(t), "collectorbuild", "config")
	var args, env []string
	for _, arg := range d.args {
		name, ok := strings.CutPrefix(arg, "--config=")
		if !ok {
			t.Errorf("argument %q", arg)
		}
		if base, ok := strings.CutPrefix(name, "/etc/otelcol-apispan/"); ok { // in the image
			args = append(args, "--config="+filepath.Join(shipped, base))
			continue
		}
		args = append(args, "--config="+moved.Replace(name))
	}
	for k, v := range d.env {
		env = append(env, k+"="+moved.Replace(v))
	}
	out, err := collector(t, env, append([]string{"validate"}, args...)...)
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// limitMiB is the memory limit of a shipped configuration in a container.
func (d deployed) limitMiB(t *testing.T, container float64) float64 {
	t.Helper()
	base := strings.TrimPrefix(d.args[0], "--config=/etc/otelcol-apispan/")
	var c struct {
		Processors struct {
			Limiter struct {
				MiB     float64 `yaml:"limit_mib"`
				Percent float64 `yaml:"limit_percentage"`
			} `yaml:"memory_limiter"`
		}
	}
	if err := yaml.Unmarshal([]byte(readFile(t, "collectorbuild/config/"+base)), &c); err != nil {
		t.Fatal(err)
	}
	return max(c.Processors.Limiter.MiB, c.Processors.Limiter.Percent/100*container)
}

// TestKubernetesExamples checks everything but the cluster: the objects fit one
// another, and the collector accepts what it would be started with.
func TestKubernetesExamples(t *testing.T) {
	t.Parallel()
	configs := map[string]map[string]string{}
	var all []object
	for _, file := range yamlFiles(t, "examples/kubernetes") {
		for _, o := range readObjects(t, file) {
			all = append(all, o)
			if o.Kind == "ConfigMap" {
				configs[o.Metadata.Name] = o.Data
			}
		}
	}
	collectors := 0
	for _, o := range all {
		pod := o.Spec.Template.Spec
		for _, c := range slices.Concat(pod.Containers, pod.InitContainers) {
			if !strings.HasPrefix(c.Image, "otelcol-apispan:") {
				continue
			}
			collectors++
			t.Run(o.Kind+" "+o.Metadata.Name, func(t *testing.T) {
				t.Parallel()
				for k, v := range o.Spec.Selector.MatchLabels {
					if o.Spec.Template.Metadata.Labels[k] != v {
						t.Errorf("the selector does not select the pod: %s", k)
					}
				}
				d := deployed{args: c.Args, env: map[string]string{}, files: map[string]string{}}
				for _, e := range c.Env {
					v := strings.ReplaceAll(e.Value, "$(POD_IP)", "127.0.0.1")
					if e.ValueFrom != nil {
						v = "127.0.0.1"
					}
					d.env[e.Name] = v
				}
				volumes := map[string]bool{}
				for _, v := range o.Spec.VolumeClaimTemplates {
					volumes[v.Metadata.Name] = true
				}
				for _, v := range pod.Volumes {
					volumes[v.Name] = true
					if v.ConfigMap == nil {
						continue
					}
					data := configs[v.ConfigMap.Name]
					if data == nil {
						t.Errorf("no ConfigMap %s", v.ConfigMap.Name)
					}
					for _, m := range c.VolumeMounts {
						for name, content := range data {
							if m.Name == v.Name {
								d.files[m.MountPath+"/"+name] = content
							}
						}
					}
				}
				for _, m := range c.VolumeMounts {
					if !volumes[m.Name] {
						t.Errorf("no volume %s", m.Name)
					}
				}
				d.check(t)

				ports := map[string]int{}
				for _, p := range c.Ports {
					ports[p.Name] = p.ContainerPort
				}
				for _, p := range []*probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
					if p == nil {
						continue
					}
					if p.HTTPGet.Path != "/status" || !strings.HasSuffix(d.env["HEALTH_LISTEN"], ":"+strconv.Itoa(ports[p.HTTPGet.Port])) {
						t.Errorf("probe %+v", *p)
					}
				}
				if c.LivenessProbe == nil {
					t.Error("no liveness probe")
				}
				limit := mebibytes(t, c.Resources.Limits["memory"])
				if c.Resources.Requests["memory"] != c.Resources.Limits["memory"] {
					t.Error("memory: request and limit differ")
				}
				if gc, own := mebibytes(t, d.env["GOMEMLIMIT"]), d.limitMiB(t, limit); gc > 0.8*limit || own > 0.8*limit || own == 0 || gc == 0 {
					t.Errorf("GOMEMLIMIT %v MiB, limiter %v MiB, container %v MiB", gc, own, limit)
				}
			})
		}
	}
	if collectors != 3 {
		t.Errorf("%d collectors", collectors)
	}
}

// TestOnlyTheGatewayReachesTheVendor reads it from the network policies.
func TestOnlyTheGatewayReachesTheVendor(t *testing.T) {
	t.Parallel()
	outside := map[string]int{}
	denied := false
	for _, o := range readObjects(t, filepath.Join(repoRoot(t), "examples/kubernetes/network-policy.yaml")) {
		denied = denied || len(o.Spec.PodSelector.MatchLabels) == 0 && len(o.Spec.Egress) == 0
		for _, e := range o.Spec.Egress {
			if len(e.To) == 0 {
				t.Errorf("%s may reach everything", o.Metadata.Name)
			}
			for _, to := range e.To {
				if to.IPBlock != nil {
					outside[o.Spec.PodSelector.MatchLabels["app.kubernetes.io/name"]]++
				}
			}
		}
	}
	if !denied || !maps.Equal(outside, map[string]int{"apispan-gateway": 1}) {
		t.Errorf("denied by default: %v; reach addresses outside: %v", denied, outside)
	}
}

// TestComposeExamples: what they name exists, ports are published on loopback only, and
// the collector accepts what it would be started with.
func TestComposeExamples(t *testing.T) {
	t.Parallel()
	type service struct {
		Build *struct{ Context, Dockerfile string }
		// A list in all of ours.
		Command     []string
		Environment map[string]string
		Configs     []struct{ Source, Target string }
		Secrets     []string
		Ports       []string
		Volumes     []string
		DependsOn   yaml.Node `yaml:"depends_on"`
	}
	collectors := 0
	for _, file := range append(yamlFiles(t, "examples/compose"), filepath.Join(repoRoot(t), "examples/clickhouse/compose.yaml")) {
		var c struct {
			Services map[string]service
			Configs  map[string]struct{ Content string }
			Secrets  map[string]struct{ File string }
			Volumes  map[string]any
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(b, &c); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for name, s := range c.Services {
			t.Run(filepath.Base(file)+" "+name, func(t *testing.T) {
				t.Parallel()
				for _, p := range s.Ports {
					if !strings.HasPrefix(p, "127.0.0.1:") {
						t.Errorf("port %s is published beyond this machine", p)
					}
				}
				for _, v := range s.Volumes {
					source, _, _ := strings.Cut(v, ":")
					if _, ok := c.Volumes[source]; !ok && !strings.HasPrefix(source, ".") {
						t.Errorf("volume %s is not declared", source)
					}
					if _, err := os.Stat(filepath.Join(filepath.Dir(file), source)); strings.HasPrefix(source, ".") && err != nil {
						t.Error(err)
					}
				}
				for _, secret := range s.Secrets {
					if c.Secrets[secret].File == "" {
						t.Errorf("secret %s is not declared", secret)
					}
				}
				for _, n := range s.DependsOn.Content {
					if n.Kind == yaml.ScalarNode {
						if _, ok := c.Services[n.Value]; !ok {
							t.Errorf("depends on %s, which is no service", n.Value)
						}
					}
				}
				if s.Build == nil {
					return
				}
				if _, err := os.Stat(filepath.Join(filepath.Dir(file), s.Build.Context, s.Build.Dockerfile)); err != nil {
					t.Error(err)
				}
				d := deployed{args: s.Command, env: s.Environment, files: map[string]string{}}
				for _, conf := range s.Configs {
					content := c.Configs[conf.Source].Content
					if content == "" {
						t.Errorf("config %s is not declared", conf.Source)
					}
					d.files[conf.Target] = strings.ReplaceAll(content, "$$", "$")
				}
				d.check(t)
			})
			if s.Build != nil {
				collectors++
			}
		}
	}
	if collectors != 4 {
		t.Errorf("%d collectors", collectors)
	}
}
