package hostguard

import "net/http"

func (g *Guard) tellFacts(w http.ResponseWriter, r *http.Request) error { return refuse("not yet") }
