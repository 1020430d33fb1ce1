// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"slices"
	"strings"

	"github.com/apispan/apispan/internal/confkeys"
)

// mention is a key whose value names an extension.
type mention struct{ about, id string }

// refer keeps what names an extension for checkService.
func (t *tree) refer(kind, about string, v any) {
	if id := text(v); kind == "id" && id != "" {
		t.mentions = append(t.mentions, mention{about, id})
	}
}

// checkService checks that what is named is defined, and what is defined is used.
func checkService(t *tree, r *Report) {
	before := len(r.findings)
	s := &service{t: t, r: r, used: map[string]bool{}, from: map[string]bool{}, to: map[string]bool{}}
	m, ok := t.root["service"].(map[string]any)
	if !ok {
		r.addf(18, Fail, "service", "is not there: without `service::pipelines` nothing runs")
		return
	}
	for _, k := range ids(m) {
		if known := []string{"extensions", "pipelines", "telemetry"}; !slices.Contains(known, k) {
			r.addf(18, Fail, "service::"+k, "is no key of `service`: %s", guess(k, "service", known))
		}
	}
	pipelines, _ := m["pipelines"].(map[string]any)
	if len(pipelines) == 0 {
		r.addf(18, Fail, "service::pipelines", "has no pipeline: nothing runs")
	}
	for _, id := range ids(pipelines) {
		s.pipeline(id, pipelines[id])
	}
	s.connectors()
	s.extensions(texts(m["extensions"]))
	s.unused()
	if len(r.findings) == before {
		r.addf(18, OK, "", "")
	}
}

type service struct {
	t    *tree
	r    *Report
	used map[string]bool // section::id
	// connectors that a pipeline reads from, or writes to
	from, to map[string]bool
}

func (s *service) pipeline(id string, v any) {
	about := "service::pipelines::" + id
	signals := []string{"traces", "metrics", "logs", "profiles"}
	signal := kind(id)
	if !slices.Contains(signals, signal) {
		s.r.addf(18, Fail, about, "`%s` is no kind of pipeline: %s", signal, guess(signal, "", signals))
	}
	m, _ := v.(map[string]any)
	keys := []string{"receivers", "processors", "exporters"}
	for _, k := range ids(m) {
		if !slices.Contains(keys, k) {
			s.r.addf(18, Fail, about+"::"+k, "is no key of a pipeline: %s", guess(k, about, keys))
		}
	}
	for _, key := range keys {
		list := texts(m[key])
		if len(list) == 0 && key != "processors" && m[key] != elsewhere {
			s.r.addf(18, Fail, about, "has no %s: name at least one in `%s`", key, key)
		}
		for i, c := range list {
			if slices.Contains(list[:i], c) {
				s.r.addf(18, Fail, about+"::"+key, "names `%s` twice: keep one", c)
				continue
			}
			s.named(about+"::"+key, key, c, signal)
		}
	}
}

// named checks one entry of a pipeline's lists.
func (s *service) named(about, key, id, signal string) {
	if defined(s.t, "connectors", id) && key != "processors" {
		s.used["connectors::"+id] = true
		if key == "receivers" {
			s.from[id] = true
		} else {
			s.to[id] = true
		}
		return
	}
	if !defined(s.t, key, id) {
		hint := "define it there, or take it out of the pipeline"
		if near := confkeys.Nearest(id, ids(section(s.t, key))); near != "" {
			hint = "did you mean `" + near + "`?"
		}
		s.r.addf(18, Fail, about, "names `%s`, which is not among `%s`: %s", id, key, hint)
		return
	}
	s.used[key+"::"+id] = true
	c := components()[key][kind(id)]
	if c == nil {
		return
	}
	if signal != "profiles" && len(c.signals) > 0 && !slices.Contains(c.signals, signal) {
		s.r.addf(18, Fail, about, "names `%s`, which takes %s only", id, strings.Join(c.signals, " and "))
	}
	for block, message := range c.nologs {
		if m, _ := section(s.t, key)[id].(map[string]any); signal == "logs" && m[block] != nil {
			s.r.addf(18, Fail, key+"::"+id, "%s", strings.TrimPrefix(message, c.typ+": "))
		}
	}
}

// defined reports whether a section has the id, with or without keys below it.
func defined(t *tree, name, id string) bool {
	_, ok := section(t, name)[id]
	return ok || t.root[name] == elsewhere
}

func (s *service) connectors() {
	for _, id := range ids(section(s.t, "connectors")) {
		switch {
		case s.from[id] && !s.to[id]:
			s.r.addf(18, Fail, "connectors::"+id, "is read by a pipeline, and none writes to it: name it among a pipeline's exporters, too")
		case s.to[id] && !s.from[id]:
			s.r.addf(18, Fail, "connectors::"+id, "is written to, and no pipeline reads it: name it among a pipeline's receivers, too")
		}
	}
}

func (s *service) extensions(started []string) {
	for _, id := range started {
		if !defined(s.t, "extensions", id) {
			s.r.addf(18, Fail, "service::extensions", "names `%s`, which is not among `extensions`: define it there, or take it out", id)
		}
		s.used["extensions::"+id] = true
	}
	for _, m := range s.t.mentions {
		if strings.HasSuffix(m.about, "::sending_queue::storage") && hasQueue(strings.Split(m.about, "::")[1]) {
			continue // check 6
		}
		if !defined(s.t, "extensions", m.id) || !slices.Contains(started, m.id) {
			s.r.addf(18, Fail, m.about, "names `%s`, which is not among `extensions` and `service::extensions`", m.id)
		}
	}
}

func (s *service) unused() {
	for _, name := range sections {
		for _, id := range ids(section(s.t, name)) {
			if s.used[name+"::"+id] {
				continue
			}
			where := "in no pipeline"
			if name == "extensions" {
				where = "not in `service::extensions`"
			}
			s.r.addf(18, Warn, name+"::"+id, "is defined, and %s: it is not started", where)
		}
	}
}
