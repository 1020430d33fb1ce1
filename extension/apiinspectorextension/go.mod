module github.com/apispan/apispan/extension/apiinspectorextension

go 1.25.0
