// Package conftest pins conftest, and tests that it takes what ecraudit prints
// and the default rules as they are.
package conftest
