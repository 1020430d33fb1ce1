// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/processor"
	"go.uber.org/zap"

	"github.com/apispan/apispan/internal/keyfetch"
	"github.com/apispan/apispan/processor/httpredactionprocessor/internal/metadata"
	"github.com/apispan/apispan/redact"
)

// errKeyMissing is the component status while tokens cannot be made.
var errKeyMissing = errors.New("httpredactionprocessor: an HMAC key that the policy names is not loaded: values are masked instead; " +
	"check hmac.keys of the policy (file, env), hmac_keys, or session_key.key_file")

// redactor is the processor for one signal.
type redactor struct {
	policy     *redact.Policy
	hash       string
	id, text   string // of the component, of the policy
	vocabulary *vocabulary
	deriver    *deriver
	strip      bool
	dryRun     bool
	audit      string
	// remember is set if the engine's answer depends on key, value and direction
	// alone and leaves no trace when it is "unchanged".
	remember bool
	// scoped is set if the policy has rules for some exchanges only.
	scoped bool

	keySources map[string]KeySourceConfig
	sources    map[string]*keyfetch.Source
	keyClient  *http.Client
	// keys serialises reading keys and telling about it; toldMissing is what was
	// told last.
	keys        sync.Mutex
	toldMissing bool

	telemetry *telemetry
	logger    *zap.Logger
	reload    time.Duration
	keyFiles  bool // some key is read from a file
	sessions  *sessionKeys
	newEngine func() *redact.Scratch
	// fault is nil but in tests, where it panics at what the engine is given.
	fault func(value string)
	// ready is false while a key is missing.
	ready   atomic.Bool
	started atomic.Bool // the pipeline may be used

	inspector *component.ID
	watch     *watch // nil: nobody looks; set at start
	walkers   sync.Pool

	stop context.CancelFunc
	done sync.WaitGroup
}

func newRedactor(set processor.Settings, cfg *Config, s signal) (*redactor, error) {
	policy, dryRun, text, err := cfg.compile()
	if err != nil {
		return nil, err
	}
	d, err := newDeriver(cfg, policy)
	if err != nil {
		return nil, err
	}
	sessions, err := newSessionKeys(cfg.SessionKey)
	if err != nil {
		return nil, err
	}
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	r := &redactor{
		policy:     policy,
		hash:       policy.Hash(),
		id:         set.ID.String(),
		text:       text,
		inspector:  cfg.Inspector,
		vocabulary: newVocabulary(cfg.ApplyTo, cfg.Aliases),
		deriver:    d,
		strip:      cfg.StripCaptured,
		dryRun:     dryRun,
		audit:      policy.Audit(),
		remember:   memorable(policy.Config()),
		scoped:     len(policy.Config().Rules) > 0,
		keySources: cfg.KeySources,
		telemetry:  newTelemetry(builder, s),
		logger:     set.Logger,
		reload:     cfg.KeyReloadInterval,
		keyFiles:   slices.ContainsFunc(policy.Config().HMAC.Keys, func(k redact.HMACKey) bool { return k.File != "" }) || sessions.fromFile(),
		sessions:   sessions,
		newEngine:  policy.NewScratch,
	}
	for _, warning := range policy.Warnings() {
		set.Logger.Warn("The policy may not do what it says", zap.String("warning", warning))
	}
	r.ready.Store(policy.Ready())
	r.walkers.New = func() any {
		return &walker{r: r, cache: make(map[string]*keyInfo), num: make([]byte, 0, 32)}
	}
	return r, nil
}

// memorable reports whether a value that was unchanged once need not be looked at
// again: not under rules for some exchanges only, and not if matches are reported.
func memorable(c redact.Config) bool {
	if len(c.Rules) > 0 {
		return false
	}
	for _, action := range c.Patterns {
		if action == "report" {
			return false
		}
	}
	return !slices.ContainsFunc(c.Regex, func(r redact.Regex) bool { return r.Action == "report" })
}

// derives reports whether attributes are made from others before redaction.
func (r *redactor) derives() bool { return r.deriver != nil && !r.strip }

// walker takes working memory for one batch.
func (r *redactor) walker() *walker {
	w := r.walkers.Get().(*walker)
	w.e = r.newEngine()
	if r.audit == auditRules {
		w.e.Explain()
	}
	return w
}

// release flushes the batch's counters and gives the memory back.
func (r *redactor) release(ctx context.Context, w *walker) {
	r.telemetry.flush(ctx, &w.tally)
	r.telemetry.decided(ctx, w.e.Totals())
	w.e.Release()
	w.e = nil
	// Nothing that came in is kept.
	w.exchange = redact.Exchange{}
	clear(w.req.values[:cap(w.req.values)])
	w.req = spanRequest{values: w.req.values[:0]}
	w.res = pcommon.Resource{}
	clear(w.infos[:cap(w.infos)])
	w.infos = w.infos[:0]
	w.num = w.num[:0]
	w.forget()
	w.tally, w.earlier, w.decisions = tally{}, earlier{}, nil
	w.lookEnd(ctx)
	r.walkers.Put(w)
}

func (r *redactor) start(ctx context.Context, host component.Host) error {
	if err := r.startWatch(host); err != nil {
		return err
	}
	if err := r.startKeySources(ctx, host); err != nil {
		return err
	}
	r.keys.Lock()
	r.checkKeys(ctx, host, true)
	r.keys.Unlock()
	if !r.keyFiles || r.reload <= 0 {
		return nil
	}
	// The context of start ends with start.
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.stop = stop
	r.done.Go(func() { r.watchKeys(run, host) })
	return nil
}

func (r *redactor) shutdown(context.Context) error {
	if r.stop != nil {
		r.stop()
		r.done.Wait()
	}
	r.stopKeySources()
	r.watch.detach()
	return nil
}

// watchKeys reads the key files again at every tick until shutdown.
func (r *redactor) watchKeys(ctx context.Context, host component.Host) {
	t := time.NewTicker(r.reload)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			r.reloadKeys(ctx, host)
		}
	}
}

// reloadKeys reads key files and sources once. After an error the keys stay as they
// were.
func (r *redactor) reloadKeys(ctx context.Context, host component.Host) (ready bool) {
	r.keys.Lock()
	defer r.keys.Unlock()
	err := r.policy.Reload()
	err = errors.Join(err, r.sessions.reload())
	r.telemetry.reloaded(ctx, err == nil)
	if err != nil {
		// The error names key ids and files only, never key material.
		r.logger.Warn("Reading HMAC key files failed; the keys in use stay", zap.Error(err))
	}
	return r.checkKeys(ctx, host, false)
}

// checkKeys reports a missing key as a recoverable error of the component, and its
// return as OK, once per change.
func (r *redactor) checkKeys(ctx context.Context, host component.Host, first bool) (ready bool) {
	was := !r.toldMissing
	var missing []string
	for _, k := range r.policy.Keys() {
		if !k.Loaded {
			missing = append(missing, k.ID)
		}
	}
	if r.sessions.missing() {
		missing = append(missing, "session_key")
	}
	r.telemetry.keysMissing(ctx, int64(len(missing)))
	r.ready.Store(r.policy.Ready())
	ready = r.policy.Ready() && !r.sessions.missing()
	r.toldMissing = !ready
	switch {
	case ready && !was:
		r.logger.Info("All HMAC keys are loaded")
		r.watch.attach(nil)
		componentstatus.ReportStatus(host, componentstatus.NewEvent(componentstatus.StatusOK))
	case !ready && (was || first):
		r.logger.Error("An HMAC key is missing: values are masked instead of being turned into tokens, and spans get no session key if it is that of session_key. "+
			"Each needs at least 32 bytes where the policy says, readable for this process; files and sources are read again",
			zap.Strings("keys", missing))
		r.watch.attach(missing)
		componentstatus.ReportStatus(host, componentstatus.NewRecoverableErrorEvent(errKeyMissing))
	}
	return ready
}
