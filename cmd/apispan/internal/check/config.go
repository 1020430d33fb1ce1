// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/apispan/apispan/internal/confkeys"
	"github.com/apispan/apispan/redact"
)

const (
	processorType = "http_redaction"
	exporterType  = "api_analytics"
)

// secretKeys are the names of values that must not stand in a file: those of the
// backends, and what others call theirs.
var secretKeys = sync.OnceValue(func() []string {
	keys := []string{"token", "secret_key", "password"}
	c := components()["exporters"][exporterType]
	for path, kind := range c.keys {
		block, key, ok := strings.Cut(path, "::")
		if ok && kind == "secret" && slices.Contains(c.choices, block) {
			keys = append(keys, key)
		}
	}
	return keys
})

// pipeline is one pipeline of the service.
type pipeline struct {
	id                               string
	receivers, processors, exporters []string
}

func pipelines(t *tree) (all []pipeline) {
	m, _ := at(t.root, "service", "pipelines").(map[string]any)
	for _, id := range ids(m) {
		all = append(all, pipeline{id, texts(at(m[id], "receivers")), texts(at(m[id], "processors")), texts(at(m[id], "exporters"))})
	}
	return all
}

func first(list []string, typ string) int {
	return slices.IndexFunc(list, func(id string) bool { return kind(id) == typ })
}

// checkPipelines checks what stands where.
func checkPipelines(t *tree, r *Report) {
	all := pipelines(t)
	redacted := map[string]bool{} // connectors that carry redacted data only
	for _, p := range all {
		if first(p.processors, processorType) >= 0 {
			for _, e := range p.exporters {
				redacted[e] = true
			}
		}
	}
	used := 0
	for _, p := range all {
		for _, e := range p.exporters {
			if kind(e) != exporterType {
				continue
			}
			used++
			before := first(p.processors, processorType) >= 0 || slices.ContainsFunc(p.receivers, func(id string) bool { return redacted[id] })
			switch required := at(section(t, "exporters")[e], "require_redaction"); {
			case before:
				r.addf(3, OK, p.id, "%s before %s", processorType, e)
			case required == false:
				r.addf(3, Fail, p.id, "no %s before %s, and require_redaction is false: everything that was captured leaves", processorType, e)
			default:
				r.addf(3, Warn, p.id, "no %s before %s: right only for a gateway whose agents redact; spans without their stamp are dropped", processorType, e)
			}
		}
		if i := first(p.processors, "batch"); i >= 0 {
			r.addf(8, Fail, p.id, "the batch processor acknowledges what is only in memory: remove it, and write `sending_queue::batch: {}` in the exporter if requests are small")
		}
		for _, typ := range []string{"groupbytrace", "tail_sampling"} {
			if first(p.processors, typ) >= 0 {
				r.addf(8, Warn, p.id, "%s holds acknowledged spans in memory: a crash loses them", typ)
			}
		}
		switch i := first(p.processors, "memory_limiter"); {
		case i < 0:
			r.addf(9, Warn, p.id, "no memory_limiter: an outage can end in the system's out-of-memory killer")
		case i > 0:
			r.addf(9, Warn, p.id, "memory_limiter is not the first processor: what stands before it may acknowledge and then lose")
		}
	}
	switch {
	case used > 0:
	case len(redacted) > 0:
		r.addf(3, OK, "", "")
	default:
		r.addf(3, Warn, "service::pipelines", "no pipeline has %s or %s: is this the right file?", processorType, exporterType)
	}
	if !slices.ContainsFunc(r.findings, func(f Finding) bool { return f.Check == 8 }) {
		r.addf(8, OK, "", "")
	}
}

// checkPolicies compiles what http_redaction would compile.
func checkPolicies(t *tree, r *Report) {
	processors := section(t, "processors")
	for _, id := range ids(processors) {
		if kind(id) != processorType {
			continue
		}
		p := compile(t, id, processors[id], r)
		if p == nil {
			continue
		}
		given, _ := at(processors[id], "hmac_keys").(map[string]any)
		lacking := 0
		for _, k := range p.Keys() {
			if _, ok := given[k.ID]; !ok && !k.Loaded {
				lacking++
				r.addf(4, Fail, id, "key %s from %s is not there, or is shorter than 32 bytes: values that need it are masked", k.ID, k.Source)
			}
		}
		if p.Config().DryRun || at(processors[id], "dry_run") == true {
			r.addf(4, Fail, id, "dry_run is on: nothing is redacted, and api_analytics refuses the spans")
		} else if lacking == 0 {
			r.addf(4, OK, id, "policy %s", p.Hash())
		}
	}
}

// compile compiles the policy of one processor as it does.
func compile(t *tree, id string, c any, r *Report) *redact.Policy {
	var given []string
	for _, key := range []string{"policy", "policy_file", "preset"} {
		if !empty(at(c, key)) {
			given = append(given, key)
		}
	}
	path := "processors::" + id + "::policy"
	var source []byte
	switch {
	case c == elsewhere:
		r.addf(4, Skip, id, "its configuration is not looked up")
		return nil
	case len(given) == 0:
		r.addf(4, Fail, id, "has no policy: write `preset: default`, or one of `policy` and `policy_file`")
		return nil
	case len(given) > 1:
		r.addf(4, Fail, id, "`%s` are set together: keep one of `policy`, `policy_file` and `preset`", strings.Join(given, "` and `"))
		return nil
	case at(c, given[0]) == elsewhere:
		r.addf(4, Skip, id, "`%s` is not looked up", given[0])
		return nil
	case given[0] == "policy":
		source, _ = yaml.Marshal(at(c, "policy")) // it was YAML before
	case given[0] == "preset":
		if source, _ = redact.Preset(text(at(c, "preset"))); source == nil {
			r.addf(4, Skip, id, "there is no such preset") // check 17 fails
			return nil
		}
	default:
		path = "policy_file " + id
		m, err := readFile(text(at(c, "policy_file")), t.places, path)
		if err != nil {
			r.addf(4, Fail, id, "`policy_file` %v", err)
			return nil
		}
		source, _ = yaml.Marshal(m)
	}
	p, err := redact.Compile(source)
	if err == nil {
		return p
	}
	lines := map[string]place{}
	var doc yaml.Node
	if yaml.Unmarshal(source, &doc) == nil && len(doc.Content) == 1 {
		locate(doc.Content[0], "", path, lines)
	}
	for problem := range strings.SplitSeq(err.Error(), "\n") {
		problem = strings.TrimPrefix(problem, "redact: ")
		about := id
		// The line is that of the text that was compiled: find the key that stands there.
		if rest, ok := strings.CutPrefix(problem, "line "); ok {
			number, after, _ := strings.Cut(rest, ": ")
			problem = after
			for key, at := range lines {
				if strconv.Itoa(at.line) == number && len(key) > len(about) {
					about = key
				}
			}
		}
		f := Finding{Check: 4, Level: Fail, About: id, Text: "the policy is refused: " + problem}
		at := r.place(about, "")
		f.File, f.Line = at.file, at.line
		r.findings = append(r.findings, f)
	}
	return nil
}

// checkSecrets looks for credentials that stand in the files.
func checkSecrets(t *tree, r *Report) {
	var found []string
	var walk func(v any, path, key string)
	walk = func(v any, path, key string) {
		switch x := v.(type) {
		case map[string]any:
			for _, k := range ids(x) {
				walk(x[k], join(path, k), k)
			}
		case string:
			inKeys := strings.Contains(path, "::hmac_keys::")
			if x != "" && t.literal[path] && (inKeys || slices.Contains(secretKeys(), key)) {
				found = append(found, path)
			}
		}
	}
	for _, name := range []string{"processors", "exporters", "extensions", "receivers"} {
		walk(t.root[name], name, "")
	}
	for _, path := range found {
		r.addf(5, Warn, path, "stands in the configuration: write ${env:NAME} or ${file:/run/secrets/name}")
	}
	if len(found) == 0 {
		r.addf(5, OK, "", "")
	}
}

// checkQueues checks the queue of each exporter.
func checkQueues(t *tree, r *Report) {
	extensions := texts(at(t.root, "service", "extensions"))
	limit := receiverLimit(t)
	for id, c := range section(t, "exporters") {
		if !hasQueue(id) || at(c, "sending_queue", "storage") == elsewhere {
			continue
		}
		queue, retry := at(c, "sending_queue"), at(c, "retry_on_failure")
		storage := text(at(queue, "storage"))
		synchronous := at(queue, "wait_for_result") == true || at(queue, "enabled") == false
		switch {
		case synchronous:
			r.addf(6, OK, id, "senders wait for the result: nothing is acknowledged before it is delivered")
			continue
		case storage == "" && at(c, "metlo") != nil:
			r.addf(6, Skip, id, "in memory, since Metlo stamps events when they arrive: what is queued is lost when the process ends")
		case storage == "":
			r.addf(6, Fail, id, "`sending_queue::storage` is not set: what is queued is lost when the process ends; name a file_storage extension")
		case section(t, "extensions")[storage] == nil || !slices.Contains(extensions, storage):
			r.addf(6, Fail, id, "`sending_queue::storage` names %s, which is not among `extensions` and `service::extensions`", storage)
		case at(section(t, "extensions")[file(t, storage)], "fsync") != true:
			r.addf(6, Warn, id, "%s has no `fsync: true`: a killed process loses nothing, a power cut what was acknowledged in the last seconds", storage)
		default:
			r.addf(6, OK, id, "on disk, with fsync")
		}
		elapsed := text(at(retry, "max_elapsed_time"))
		switch d, err := time.ParseDuration(elapsed); {
		case at(retry, "enabled") == false:
			r.addf(7, Fail, id, "`retry_on_failure::enabled` is false: one failed request loses its events")
		case elapsed == "" && at(c, "metlo") != nil:
			r.addf(7, Skip, id, "retried for a short time only, since Metlo stamps events when they arrive")
		case elapsed == "" && kind(id) == exporterType, elapsed == "0", err == nil && d == 0:
			r.addf(7, OK, id, "retried for ever")
		case elapsed == "":
			r.addf(7, Fail, id, "`retry_on_failure::max_elapsed_time` has its default of 5m: an outage loses what is older, from the disk as well; write 0")
		default:
			r.addf(7, Warn, id, "`retry_on_failure::max_elapsed_time` is %s: an outage loses what is older; write 0 to keep it", elapsed)
		}
		size := number(at(queue, "queue_size"), 0)
		if bytes := text(at(queue, "sizer")) == "bytes"; bytes && size > 0 && size < 2*limit {
			r.addf(9, Fail, id, "`sending_queue::queue_size` is %d, less than twice the receiver's limit of %d bytes: a large request is refused for ever", size, limit)
		} else if storage != "" && size > 0 {
			r.addf(9, OK, id, "queue of %d, receiver limit of %d bytes", size, limit)
		}
	}
}

// hasQueue reports whether check 6 is about the queue of an exporter.
func hasQueue(id string) bool {
	return slices.Contains([]string{exporterType, "otlp_http", "otlphttp", "otlp", "otlp_grpc"}, kind(id))
}

// file is the storage extension that writes, behind guarded_storage.
func file(t *tree, storage string) string {
	if inner := text(at(section(t, "extensions")[storage], "storage")); kind(storage) == "guarded_storage" && inner != "" {
		return inner
	}
	return storage
}

// receiverLimit is the largest OTLP request that is taken.
func receiverLimit(t *tree) int64 {
	limit := int64(4 << 20)
	for id, c := range section(t, "receivers") {
		if kind(id) != "otlp" {
			continue
		}
		if http := at(c, "protocols", "http"); http != nil {
			limit = max(limit, number(at(http, "max_request_body_size"), 20<<20))
		}
		limit = max(limit, number(at(c, "protocols", "grpc", "max_recv_msg_size_mib"), 4)<<20)
	}
	return limit
}

// checkListeners checks who can send and look.
func checkListeners(t *tree, r *Report) {
	open := 0
	look := func(about string, c any) {
		host, _, err := net.SplitHostPort(text(at(c, "endpoint")))
		if err != nil || confkeys.Loopback(host) {
			return
		}
		switch tls := at(c, "tls"); {
		case tls == nil:
			open++
			r.addf(10, Warn, about, "listens beyond this machine without TLS: spans with bodies are confidential; add tls, or bind 127.0.0.1")
		case at(tls, "client_ca_file") == nil && at(c, "auth") == nil:
			open++
			r.addf(10, Warn, about, "takes spans from anyone who can connect: add `tls::client_ca_file` or `auth`")
		}
	}
	for _, id := range ids(section(t, "receivers")) {
		c := section(t, "receivers")[id]
		protocols, _ := at(c, "protocols").(map[string]any)
		for _, p := range ids(protocols) {
			look("receivers::"+id+"::"+p, protocols[p])
		}
	}
	for _, id := range ids(section(t, "extensions")) {
		if k := kind(id); k == "pprof" || k == "zpages" {
			look("extensions::"+id, section(t, "extensions")[id])
		}
	}
	if open == 0 {
		r.addf(10, OK, "", "")
	}
}

// checkEncryption checks the way to backends and gateways.
func checkEncryption(t *tree, r *Report) {
	plain := 0
	for _, id := range ids(section(t, "exporters")) {
		if endpoint := endpointOf(t, id); confkeys.ClearText(endpoint) {
			plain++
			scheme, _, _ := strings.Cut(endpoint, "://")
			r.addf(11, Fail, id, "`endpoint` begins with %s://: the credential and the events travel unencrypted", strings.ToLower(scheme))
		}
		if at(section(t, "exporters")[id], "tls", "insecure_skip_verify") == true {
			plain++
			r.addf(11, Fail, id, "`tls::insecure_skip_verify` is true: anyone on the way can read and answer")
		}
	}
	if plain == 0 {
		r.addf(11, OK, "", "")
	}
}
