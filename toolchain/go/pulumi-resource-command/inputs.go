package main

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// inputs says how a command is to run, as local.Command and local.run take it.
type inputs struct {
	// The command of local.run; the others have the next three.
	Command *string `json:"command"`
	Create  *string `json:"create"`
	// Runs in place of Create from the second time on.
	Update *string `json:"update"`
	Delete *string `json:"delete"`
	Stdin  string  `json:"stdin"`
	// "stdout", "stderr", "stdoutAndStderr" or "none"; both where it is empty.
	Logging string `json:"logging"`
	// Program and arguments before the command; /bin/sh -c where it is empty.
	Interpreter []string `json:"interpreter"`
	// The plugin's own, which is the Pulumi program's, where it is empty.
	Dir         string            `json:"dir"`
	Environment map[string]string `json:"environment"`
	// Whether a later command finds what the last one printed in its environment; it does where nothing is said.
	AddPreviousOutputInEnv *bool `json:"addPreviousOutputInEnv"`
}

const (
	aBoolean       = "a boolean"
	aList          = "a list"
	aListOfStrings = "a list of strings"
	aMapOfStrings  = "a map of strings"
	aString        = "a string"
)

// The inputs of local.Command, and their kinds.
var resourceKinds = map[resource.PropertyKey]string{
	"addPreviousOutputInEnv": aBoolean,
	"archivePaths":           aListOfStrings,
	"assetPaths":             aListOfStrings,
	"create":                 aString,
	"delete":                 aString,
	"dir":                    aString,
	"environment":            aMapOfStrings,
	"interpreter":            aListOfStrings,
	"logging":                aString,
	"stdin":                  aString,
	"triggers":               aList,
	"update":                 aString,
}

// The arguments of local.run.
var functionKinds = func() map[resource.PropertyKey]string {
	kinds := maps.Clone(resourceKinds)
	for _, key := range []resource.PropertyKey{"create", "delete", "triggers", "update"} {
		delete(kinds, key)
	}
	kinds["command"] = aString
	return kinds
}()

const notServed = "is not served by pgsite's stand-in for Pulumi's command plugin; install the official plugin for it"

// check names what is wrong with inputs: by kinds, never by values, which may be secret. The engine prints the value of a
// property that a failure names, so none is named but in words.
func check(given resource.PropertyMap, kinds map[resource.PropertyKey]string) []plugin.CheckFailure {
	var failures []plugin.CheckFailure
	fail := func(key resource.PropertyKey, reason string) {
		failures = append(failures, plugin.CheckFailure{Reason: string(key) + " " + reason})
	}
	for _, key := range given.StableKeys() {
		kind, known := kinds[key]
		switch value := opened(given[key]); {
		case value.IsNull() || key == "version" || resource.IsInternalPropertyKey(key):
		case !known:
			fail(key, "is not a property that this takes")
		case !fits(value, kind):
			fail(key, "must be "+kind)
		case key == "assetPaths" || key == "archivePaths":
			fail(key, notServed)
		}
	}
	return failures
}

func fits(value resource.PropertyValue, kind string) bool {
	if value.IsComputed() {
		return true
	}
	switch kind {
	case aBoolean:
		return value.IsBool()
	case aString:
		return value.IsString()
	case aList:
		return value.IsArray()
	case aListOfStrings:
		return value.IsArray() && areStrings(value.ArrayValue())
	case aMapOfStrings:
		return value.IsObject() && areStrings(slices.Collect(maps.Values(value.ObjectValue())))
	}
	return true
}

func areStrings(items []resource.PropertyValue) bool {
	return !slices.ContainsFunc(items, func(item resource.PropertyValue) bool { return !fits(item, aString) })
}

// opened is a value with every secret in it replaced by its content: for use, never to be sent back.
func opened(value resource.PropertyValue) resource.PropertyValue {
	switch {
	case value.IsSecret():
		return opened(value.SecretValue().Element)
	case value.IsArray():
		items := make([]resource.PropertyValue, len(value.ArrayValue()))
		for index, item := range value.ArrayValue() {
			items[index] = opened(item)
		}
		return resource.NewArrayProperty(items)
	case value.IsObject():
		entries := resource.PropertyMap{}
		for key, item := range value.ObjectValue() {
			entries[key] = opened(item)
		}
		return resource.NewObjectProperty(entries)
	default:
		return value
	}
}

// inputsOf reads inputs, or the state that repeats them; they were checked before.
func inputsOf(properties resource.PropertyMap) (inputs, error) {
	var found inputs
	text, err := json.Marshal(opened(resource.NewObjectProperty(properties)).ObjectValue().Mappable())
	if err == nil {
		err = json.Unmarshal(text, &found)
	}
	return found, err
}
