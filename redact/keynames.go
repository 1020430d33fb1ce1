// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

// keyNameFlags marks the folded keys under which key/value pair objects carry the
// name of a field and its value.
var keyNameFlags = func() map[string]verdictFlags {
	m := map[string]verdictFlags{}
	for _, k := range []string{
		"name", "key", "field", "fieldname", "header", "headername", "k", "n", "id", "param", "parameter",
		"attribute", "attr", "label", "property", "prop", "keyname", "variable", "var", "setting", "option",
		"path", "loc", "pointer", "jsonpointer", "propertypath", "fieldpath", "system", "friendlyname", "type", "column", "columnname", "target",
		"propertyname", "attributename", "instancepath", "parameterkey", "parametername", "settingname", "optionname", "variablename", "envname",
		"headerkey", "propertykey", "configkey", "metadatakey", "secretname",
	} {
		m[k] |= flagNameKey
	}
	for _, k := range []string{
		"value", "val", "v", "values", "content", "data", "stringvalue", "text", "body", "defaultvalue", "default",
		"currentvalue", "newvalue", "oldvalue", "rawvalue", "valuestring", "answer", "to", "from", "old", "new", "input", "rejectedvalue", "invalidvalue", "attemptedvalue", "submittedvalue", "before", "after", "previous",
		"oldval", "newval", "was", "stringdata", "received", "actual", "parametervalue", "settingvalue", "optionvalue", "variablevalue", "envvalue",
		"headervalue", "propertyvalue", "configvalue", "metadatavalue", "attributevalue", "fieldvalue", "secretvalue",
	} {
		m[k] |= flagValueKey
	}
	m["kind"] |= flagNameKey | flagPointer // of an object of Kubernetes, see jsonPair
	for _, k := range []string{
		"variables", "params", "parameters", "values", "args", "arguments", "bindings", "binds", "bind", "replacements", "queryparams", "sqlparams",
		"bindparams", "bindvars", "bindvalues", "placeholders", "parametervalues", "vars",
	} {
		m[k] |= flagVariables
	}
	for _, k := range []string{"columns", "cols", "columnnames", "columnheaders", "fields", "schema", "header"} {
		m[k] |= flagColumns
	}
	for _, k := range []string{"rows", "row", "data", "records", "resultset", "dataarray"} {
		m[k] |= flagColumns | flagVariables
	}
	for _, k := range []string{"value", "val", "v", "stringvalue", "rejectedvalue", "invalidvalue", "attemptedvalue", "submittedvalue", "parametervalue", "settingvalue", "optionvalue", "variablevalue", "envvalue"} {
		m[k] |= flagValueOnly
	}
	for _, k := range []string{"path", "type", "system", "target"} {
		m[k] |= flagPointer
	}
	for name, kind := range headerKinds {
		switch kind {
		case headerCookie:
			m[name] |= flagCookie
		case headerSetCookie:
			m[name] |= flagSetCookie
		}
	}
	for _, k := range []string{"cookies", "httpcookies", "requestcookies", "cookiejar", "cookieheader"} {
		m[k] |= flagCookie
	}
	for _, k := range []string{"setcookies", "responsecookies"} {
		m[k] |= flagSetCookie
	}
	// What lists of cookies say about one besides its value.
	for _, k := range []string{
		"name", "key", "path", "domain", "expires", "expirationdate", "maxage", "samesite", "secure", "httponly", "hostonly",
		"priority", "partitioned", "size", "storeid", "schema", "type", "description", "required",
	} {
		m[k] |= cookieBits
	}
	return m
}()
