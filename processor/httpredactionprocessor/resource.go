// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/xpdata/entity"

	"github.com/apispan/apispan/redact"
)

// resource redacts what all spans or records under it share. It reports false if
// that failed and all of it must be dropped.
func (w *walker) resource(res pcommon.Resource, schema string, setSchema func(string)) (ok bool) {
	defer w.guard(&ok)
	w.begin(redact.Exchange{})
	w.gather(res.Attributes())
	w.attributes(res.Attributes(), placeResource)
	w.entities(res)
	w.schema(placeResource, schema, setSchema)
	w.end()
	w.res = res
	return true
}

// scope is resource for an instrumentation scope.
func (w *walker) scope(scope pcommon.InstrumentationScope, schema string, setSchema func(string)) (ok bool) {
	defer w.guard(&ok)
	w.begin(redact.Exchange{})
	w.setText(placeScope, scope.Name(), scope.SetName)
	w.setText(placeScope, scope.Version(), scope.SetVersion)
	w.gather(scope.Attributes())
	w.attributes(scope.Attributes(), placeScope)
	w.schema(placeScope, schema, setSchema)
	w.end()
	return true
}

// schema redacts a schema URL, which a sender may fill with anything.
func (w *walker) schema(p place, url string, set func(string)) {
	out, ef := w.url(p, url)
	switch ef {
	case redact.Changed:
		set(out)
	case redact.Removed:
		set("")
	}
}

// entities redacts the entity references of a resource: they repeat attribute
// keys, and have a type and a schema URL.
func (w *walker) entities(res pcommon.Resource) {
	refs := entity.ResourceEntityRefs(res)
	for i := range refs.Len() {
		ref := refs.At(i)
		w.setText(placeResource, ref.Type(), ref.SetType)
		w.schema(placeResource, ref.SchemaUrl(), ref.SetSchemaUrl)
		ref.IdKeys().RemoveIf(w.key)
		ref.DescriptionKeys().RemoveIf(w.key)
	}
}
