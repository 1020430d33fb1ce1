// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apispan/apispan/internal/guardrules/rulestest"
)

// reports collects what a source says.
type reports struct {
	mu   sync.Mutex
	errs []string
}

func (r *reports) option() SourceOption {
	return WithReport(func(err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.errs = append(r.errs, err.Error())
	})
}

func (r *reports) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.errs...)
}

// polled makes a source that asks quickly; tests change its pace after its options are
// checked.
func polled(t *testing.T, p *Polled, err error) *Polled {
	t.Helper()
	noError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !f(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func (p *Polled) holds(id string) bool {
	r := p.Rules()
	if r == nil {
		return id == ""
	}
	d, _ := r.set.MustBlock(map[string]bool{id: true})
	return d.Rule == id
}

func moesifRule(id string) string {
	return fmt.Sprintf(`[{"_id":%q,"type":"regex","block":true}]`, id)
}

func metloRule(id string) string {
	return fmt.Sprintf(`{"hostBlockList":[],"wafConfig":[{"uuid":%q,"ruleType":"block"}]}`, id)
}

// vendors are the sources that ask somebody, with what each hands out.
var vendors = map[string]func(t *testing.T, rep *reports) (v *rulestest.Vendor, p *Polled, set func(id string)){
	"moesif": func(t *testing.T, rep *reports) (*rulestest.Vendor, *Polled, func(string)) {
		v := rulestest.Moesif(t, moesifRule("a"), `{"sample_rate":100,"user_rules":{}}`)
		p, err := Moesif(rulestest.Key, WithBaseURL(v.URL), rep.option(), paced)
		return v, polled(t, p, err), func(id string) { v.Set("/v1/rules", moesifRule(id)) }
	},
	"metlo": func(t *testing.T, rep *reports) (*rulestest.Vendor, *Polled, func(string)) {
		v := rulestest.Metlo(t, metloRule("a"))
		p, err := Metlo(rulestest.Key, WithBaseURL(v.URL), rep.option(), paced)
		return v, polled(t, p, err), func(id string) { v.Set("/api/v1/agent-config", metloRule(id)) }
	},
}

// paced asks at once again, at an interval that the constructors take.
func paced(c *sourceConfig) { c.paused = func() time.Duration { return 5 * time.Millisecond } }

// TestSourceKeepsRules: no answer that is none takes rules away, and the source says once
// what is wrong, without the key, the address, or what was answered.
func TestSourceKeepsRules(t *testing.T) {
	t.Parallel()
	for vendor, start := range vendors {
		for kind, answer := range rulestest.Nonsense() {
			t.Run(vendor+"/"+kind, func(t *testing.T) {
				t.Parallel()
				var rep reports
				v, p, set := start(t, &rep)
				noError(t, p.Wait(t.Context()))
				checkf(t, p.holds("a"), "the first rules")
				v.Fail(answer)
				until(t, "it says what is wrong", func() bool { p.Refresh(); return len(rep.all()) > 0 })
				for range 3 {
					p.Refresh()
					time.Sleep(3 * time.Millisecond)
				}
				checkf(t, p.holds("a"), "the rules stay")
				for _, s := range rep.all() {
					checkf(t, strings.HasPrefix(s, "guard: "), "%q", s)
					for _, secret := range []string{rulestest.Key, v.URL, "login", "oops", "elsewhere"} {
						checkf(t, !strings.Contains(s, secret), "%q", s)
					}
				}
				checkf(t, v.Asked("/elsewhere") == 0, "a redirect was followed")
				set("b")
				v.Fail(nil)
				until(t, "new rules", func() bool { p.Refresh(); return p.holds("b") })
				checkf(t, p.Age() < time.Minute, "age %v", p.Age())
			})
		}
	}
}

// TestSourceUnblocks: an empty list is valid, and unblocks.
func TestSourceUnblocks(t *testing.T) {
	t.Parallel()
	v := rulestest.Moesif(t, moesifRule("a"), `{"sample_rate":100}`)
	p := polled2(t)(Moesif(rulestest.Key, WithBaseURL(v.URL), paced))
	noError(t, p.Wait(t.Context()))
	h := Handler(ok, p, WithMode(Enforce), patient)
	equal(t, http.StatusForbidden, serve(h, get()).Code)
	v.Set("/v1/rules", "[]")
	until(t, "unblocked", func() bool { return serve(h, get()).Code == http.StatusOK })
	// A tag that has not changed spares the configuration; one that has does not.
	v.Set("/v1/rules", `[{"_id":"u","type":"user","block":true,"applied_to_unidentified":true}]`)
	until(t, "blocked again", func() bool { return serve(h, get()).Code == http.StatusForbidden })
}

func polled2(t *testing.T) func(*Polled, error) *Polled {
	t.Helper()
	return func(p *Polled, err error) *Polled { return polled(t, p, err) }
}

// TestSourceAtStart: nothing to be had is open, and Wait says so.
func TestSourceAtStart(t *testing.T) {
	t.Parallel()
	v := rulestest.Moesif(t, moesifRule("a"), `{}`)
	var rep reports
	p := polled2(t)(Moesif("wrong", WithBaseURL(v.URL), rep.option()))
	checkf(t, p.Wait(t.Context()) != nil, "Wait without rules")
	equal(t, "served", serve(Handler(ok, p, WithMode(Enforce), patient), get()).Body.String())
	checkf(t, len(rep.all()) == 1 && strings.Contains(rep.all()[0], "check the key"), "%q", rep.all())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	hang := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer hang.Close()
	p = polled2(t)(HTTP(hang.URL))
	checkf(t, p.Wait(ctx) != nil, "Wait outlives its context")
	noError(t, p.Close())
}

// TestSourceArguments: every mistake is an error that says what to write.
func TestSourceArguments(t *testing.T) {
	t.Parallel()
	for want, call := range map[string]func() (*Polled, error){
		"application id is empty":  func() (*Polled, error) { return Moesif("") },
		"API key is empty":         func() (*Polled, error) { return Metlo("") },
		"sent in clear":            func() (*Polled, error) { return Moesif("x", WithBaseURL("http://api.example.com")) },
		"sent in clear: write":     func() (*Polled, error) { return Metlo("x", WithBaseURL("http://api.example.com")) },
		"key would be sent":        func() (*Polled, error) { return HTTP("http://api.example.com/p", WithBearer("x")) },
		"does not begin with http": func() (*Polled, error) { return HTTP("api.example.com") },
		"holds a user or password": func() (*Polled, error) { return HTTP("https://u:p@api.example.com") },
		"give at least 1s":         func() (*Polled, error) { return HTTP("https://api.example.com", WithInterval(5)) },
		"no file is named":         func() (*Polled, error) { return File(nil) },
		"no such file":             func() (*Polled, error) { return File([]string{"testdata/none.json"}) },
		"leave the option out":     func() (*Polled, error) { return HTTP("https://api.example.com", WithClient(nil)) },
	} {
		p, err := call()
		if err == nil {
			_ = p.Close()
		}
		checkf(t, err != nil && strings.HasPrefix(err.Error(), "guard: ") && strings.Contains(err.Error(), want), "%q: %v", want, err)
	}
}

// TestFile: read again when it changes, and kept when it cannot be read.
func TestFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rules, config := filepath.Join(dir, "rules.json"), filepath.Join(dir, "config.json")
	write := func(path, doc string) {
		t.Helper()
		noError(t, os.WriteFile(path+".new", []byte(doc), 0o600))
		noError(t, os.Rename(path+".new", path))
	}
	write(rules, moesifRule("a"))
	write(config, `{"user_rules":{}}`)
	var rep reports
	p := polled2(t)(File([]string{rules, config}, rep.option(), paced))
	checkf(t, p.holds("a"), "there from the begin")
	write(rules, moesifRule("longer"))
	until(t, "read again", func() bool { return p.holds("longer") })
	write(rules, "{broken")
	until(t, "said", func() bool { return len(rep.all()) > 0 })
	checkf(t, p.holds("longer"), "kept")
	noError(t, os.Remove(rules))
	write(rules, `[{"_id":"c","type":"regex","block":true,"response":{"status":99}},{"_id":"d","type":"regex","block":true}]`)
	until(t, "mended", func() bool { return p.holds("d") })
	until(t, "the bad rule is named", func() bool {
		all := rep.all()
		return strings.Contains(all[len(all)-1], `moesif rule "c": response.status: 99`)
	})
	_, err := File([]string{filepath.Join(dir, "config.json"), "doc.go"})
	checkf(t, err != nil && strings.Contains(err.Error(), "doc.go is no JSON of rules"), "%v", err)
}

// TestHTTP: a strong ETag, 304, and a server that waits until there is something new.
func TestHTTP(t *testing.T) {
	t.Parallel()
	for _, waits := range []bool{true, false} {
		t.Run(fmt.Sprint(waits), func(t *testing.T) {
			t.Parallel()
			s := &policyServer{waits: waits, doc: moesifRule("a"), changed: make(chan struct{})}
			srv := httptest.NewServer(s)
			t.Cleanup(srv.Close)
			p := polled2(t)(HTTP(srv.URL, WithBearer(rulestest.Key), paced))
			noError(t, p.Wait(t.Context()))
			checkf(t, p.holds("a"), "the first rules")
			until(t, "asked with the tag", func() bool { return s.seen("304") > 0 || waits && s.seen("wait") > 0 })
			s.set(moesifRule("b"))
			until(t, "new rules", func() bool { return p.holds("b") })
			equal(t, 0, s.seen("401"))
		})
	}
}

type policyServer struct {
	mu      sync.Mutex
	doc     string
	changed chan struct{}
	waits   bool
	n       map[string]int
}

func (s *policyServer) set(doc string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doc = doc
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *policyServer) note(what string) {
	if s.n == nil {
		s.n = map[string]int{}
	}
	s.n[what]++
}

func (s *policyServer) seen(what string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n[what]
}

func (s *policyServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer "+rulestest.Key {
		s.note("401")
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	tag := func() string { return fmt.Sprintf("%q", fmt.Sprint(len(s.doc))+s.doc[9:10]) }
	if s.waits && r.Header.Get("If-None-Match") == tag() && r.Header.Get("Prefer") == "wait=30" {
		s.note("wait")
		w.Header().Set("Preference-Applied", "wait")
		ch := s.changed
		s.mu.Unlock()
		select {
		case <-ch:
		case <-r.Context().Done():
		}
		s.mu.Lock()
	}
	w.Header().Set("ETag", tag())
	if r.Header.Get("If-None-Match") == tag() {
		s.note("304")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write([]byte(s.doc))
}
