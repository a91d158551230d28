package main

import (
	"slices"
	"testing"
)

func TestCertificateIsForEachNameOnce(t *testing.T) {
	got := namesOf(":7443", "0.0.0.0:443", "[::]:443", "wrp.example:8443", "127.0.0.1:1", "", "wrp.example:80")
	if want := []string{"wrp.example", "127.0.0.1", "localhost"}; !slices.Equal(got, want) {
		t.Errorf("names = %q, want %q", got, want)
	}
}
