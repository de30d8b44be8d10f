package awssim

import (
	"bytes"
	"encoding/json"
)

// State is everything that an organization holds, apart from what is still synthetic, in the vocabulary in which it is described.
type State struct {
	Accounts   []Account
	Registries []RegistryState
}

// State returns a deep copy of what the organization holds: accounts by id, and the registries that have been touched.
func (o *Organization) State() State {
	var s State
	for _, account := range o.Accounts() {
		s.Accounts = append(s.Accounts, account.Describe())
		for _, registry := range account.Registries() {
			s.Registries = append(s.Registries, registry.State())
		}
	}
	return s
}

// Dump is State as indented JSON. The same state always gives the same text. Registries that hold nothing but defaults are left
// out, so that merely looking at a region does not show.
func (o *Organization) Dump() []byte {
	s := o.State()
	kept := s.Registries[:0]
	for _, r := range s.Registries {
		account := o.Account(r.Account)
		if !bytes.Equal(mustJSON(r), mustJSON(newRegistry(account, r.Region).State())) {
			kept = append(kept, r)
		}
	}
	s.Registries = kept
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(err) // the state is made of strings, numbers and times
	}
	return text
}

func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // as in Dump
	}
	return text
}
