// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"

	"github.com/apispan/apispan/internal/confkeys"
	"github.com/apispan/apispan/internal/httpattr"
)

// Values of audit: how much a span tells about its own redaction.
const (
	auditOff    = "off"
	auditCounts = "counts"
	auditRules  = "rules"
)

// Config is the YAML of the processor. Exactly one of Policy, PolicyFile and
// Preset must be set.
type Config struct {
	// Policy is the policy itself, in the language of docs/policy.md.
	Policy map[string]any `mapstructure:"policy"`
	// PolicyFile is the path of a policy in YAML. It is read once, at start.
	PolicyFile string `mapstructure:"policy_file"`
	// Preset is the name of a built-in policy, such as "default".
	Preset string `mapstructure:"preset"`

	// HMACKeys gives key material for the key ids that the policy names, for those
	// who neither have a key file nor an environment variable. At least 32 bytes each.
	HMACKeys map[string]configopaque.String `mapstructure:"hmac_keys"`
	// KeySources are services that hand out HMAC keys, for keys of the policy with
	// source: <name>.
	KeySources map[string]KeySourceConfig `mapstructure:"key_sources"`
	// KeyReloadInterval is how often key files are read again. Default 1m, 0 = never.
	KeyReloadInterval time.Duration `mapstructure:"key_reload_interval"`

	// ApplyTo names the attribute vocabularies that scoped rules, identity and extract
	// read; redaction knows all of them. Their keys are read as HTTP header
	// fields, URLs, bodies and addresses. Default: all of them. What is in no
	// vocabulary is redacted too, by key rules and detectors.
	ApplyTo []string `mapstructure:"apply_to"`
	// Aliases adds own attribute keys: key -> key of the semantic conventions. A
	// key that ends in "*" is a prefix and needs a target that ends in "*".
	Aliases map[string]string `mapstructure:"aliases"`

	// StripCaptured removes captured headers, bodies and identity, for the
	// pipeline that goes to tracing. Default false.
	StripCaptured bool `mapstructure:"strip_captured"`
	// Identity fills identity attributes from other values before these are
	// redacted; the first source that has a value wins, and an attribute that is
	// there already is kept. The result is subject to the policy like any other.
	Identity map[string][]SourceConfig `mapstructure:"identity"`
	// Extract moves members of JSON bodies to apispan.metadata.* attributes, before
	// redaction.
	Extract []ExtractConfig `mapstructure:"extract"`

	// SessionKey makes apispan.session.key, a pseudonym of the caller's credential,
	// before the credential is redacted. Default: none is made.
	SessionKey *SessionKeyConfig `mapstructure:"session_key"`

	// Audit is off (the stamp only), counts (and the number of redacted values) or
	// rules (and the ids of the rules that acted). Default: what the policy says,
	// which is counts if it says nothing.
	Audit string `mapstructure:"audit"`
	// DryRun counts what the policy would do and changes nothing but incoming
	// stamps, which are removed. Default: what the policy says, else false.
	DryRun bool `mapstructure:"dry_run"`

	// Inspector is the id of an extension api_inspector, which is shown what this
	// processor does to spans: what it has left of them and why, and of what was there
	// before types and lengths only (all of it with the extension's show_raw). Default:
	// none is.
	Inspector *component.ID `mapstructure:"inspector"`
}

// SourceConfig is one place that identity can come from. Exactly one field is set.
type SourceConfig struct {
	// Header is a request header field.
	Header string `mapstructure:"header"`
	// Cookie is a request cookie.
	Cookie string `mapstructure:"cookie"`
	// Query is a query parameter.
	Query string `mapstructure:"query"`
	// JWT is a claim of a token in a header. The signature is not checked.
	JWT *JWTConfig `mapstructure:"jwt"`
	// BasicUser is the user name of HTTP Basic authentication.
	BasicUser bool `mapstructure:"basic_user"`
	// JSONBody is a path into the request body, such as $.user.id.
	JSONBody string `mapstructure:"json_body"`
	// ResponseJSONBody is a path into the response body.
	ResponseJSONBody string `mapstructure:"response_json_body"`
	// Attribute is another attribute of the span.
	Attribute string `mapstructure:"attribute"`
	// Resource is an attribute of the resource (the service), as the policy left it.
	Resource string `mapstructure:"resource"`
}

// JWTConfig names a claim of a JSON Web Token (RFC 7519).
type JWTConfig struct {
	// Header is the request header field that holds the token. Default authorization.
	Header string `mapstructure:"header"`
	// Claim is the name of the claim. Default sub.
	Claim string `mapstructure:"claim"`
}

// ExtractConfig moves one member of a JSON body into metadata.
type ExtractConfig struct {
	// From is "request.body.$.path" or "response.body.$.path"; the path has plain
	// member names only.
	From string `mapstructure:"from"`
	// To is the key below apispan.metadata. Default: the last name of the path, or,
	// if the value is an object, the names of its members.
	To string `mapstructure:"to"`
	// Remove takes the member out of the captured body. Default false.
	Remove bool `mapstructure:"remove"`
}

func createDefaultConfig() component.Config {
	return &Config{
		KeyReloadInterval: time.Minute,
		ApplyTo:           vocabularyNames(),
	}
}

var configKeys = confkeys.Schema{
	Owner: "this processor", Root: reflect.TypeFor[Config](),
	Blocks: map[string]reflect.Type{"session_key": reflect.TypeFor[SessionKeyConfig]()},
}

// Unmarshal reads the configuration. It takes the policy apart from the rest:
// values below it have no Go type, and confmap hands those that came out of
// ${…} over in a form of its own unless it is asked for a plain map.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	if err := errors.Join(configKeys.Unknown(conf.ToStringMap())...); err != nil {
		return err
	}
	if err := conf.Unmarshal(c); err != nil {
		return err
	}
	if c.Policy == nil {
		return nil
	}
	policy, err := conf.Sub("policy")
	if err != nil {
		return err
	}
	c.Policy = policy.ToStringMap()
	return nil
}

// Validate compiles the policy, so that a bad one is found by `validate` and never
// starts a pipeline. All problems are reported at once.
func (c *Config) Validate() error {
	var errs []error
	policy, _, _, err := c.compile()
	if err != nil {
		errs = append(errs, err)
	}
	if c.Audit != "" && !validAudit(c.Audit) {
		errs = append(errs, fmt.Errorf("audit: %q is unknown; use off, counts or rules", c.Audit))
	}
	if c.KeyReloadInterval < 0 {
		errs = append(errs, fmt.Errorf("key_reload_interval: %v is negative; use 0 to switch reloading off", c.KeyReloadInterval))
	}
	errs = append(errs, confkeys.Durations(c)...)
	for i, name := range c.ApplyTo {
		if _, ok := vocabularies[name]; !ok {
			errs = append(errs, fmt.Errorf("apply_to[%d]: %q is unknown; use one of %s", i, name, strings.Join(vocabularyNames(), ", ")))
		}
	}
	errs = append(errs, validateAliases(c.Aliases)...)
	if policy != nil {
		if _, err := newDeriver(c, policy); err != nil {
			errs = append(errs, err)
		}
	}
	if _, err := newSessionKeys(c.SessionKey); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func validAudit(a string) bool { return a == auditOff || a == auditCounts || a == auditRules }

// known reports whether a key, or a prefix with "*" behind it, is in the vocabulary.
func known(key string) bool {
	prefix, is := strings.CutSuffix(key, "*")
	if !is && httpattr.Lookup(key) != nil {
		return true
	}
	if is {
		prefix += "x"
	}
	e, _ := httpattr.Below(prefix)
	return e != nil
}

func validateAliases(all map[string]string) (errs []error) {
	keys := make([]string, 0, len(all))
	for k := range all {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, from := range keys {
		to := all[from]
		switch {
		case from == "" || to == "" || from == "*":
			errs = append(errs, fmt.Errorf("aliases: %q: %q: both keys must be given; write own_key: semantic_convention_key", from, to))
		case strings.HasSuffix(from, "*") && !strings.HasSuffix(to, "*"):
			errs = append(errs, fmt.Errorf("aliases: %q is a prefix but its target %q is none; end both with *", from, to))
		case !known(to):
			errs = append(errs, fmt.Errorf("aliases: %q: %q is no key that anything reads; write one of the semantic conventions, such as http.request.body.content or http.request.header.*", from, to))
		}
	}
	return errs
}
