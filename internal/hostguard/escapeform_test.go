package hostguard

import "strings"

func jsonAttempts() []attempt {
	const privileged = `"Privileged":true`
	return []attempt{
		top(`"HostConfig":{`+privileged+`}`, "a key comes twice", takes),
		body("two HostConfigs, the second privileged", strings.TrimSuffix(goodCreate, "}")+`,"HostConfig":{`+privileged+`}}`, "a key comes twice", takes),
		top(`"hostConfig":{`+privileged+`}`, "a key comes twice", takes),
		top(`"HOSTCONFIG":{`+privileged+`}`, "a key comes twice", takes),
		top(`"HoſtConfig":{`+privileged+`}`, "a key comes twice", takes),
		top(`"Ho\u017ftConfig":{`+privileged+`}`, "a key comes twice", takes),
		top(`"Host\u0043onfig":{`+privileged+`}`, "a key comes twice", takes),
		top(`"user":"0"`, "user", takes),
		top(`"uſer":"0"`, "uſer", takes),
		host(`"privileged":true`, "HostConfig.privileged", takes),
		host(`"PRIVILEGED":true`, "HostConfig.PRIVILEGED", takes),
		host(`"Privileged":false,"Privileged":true`, "a key comes twice", takes),
		host(`"Privileged":true,"privileged":false`, "a key comes twice", takes),
		host(`"bindſ":["/:/h"]`, "HostConfig.bindſ", takes),
		host(`"maskedPaths":[]`, "it looks like another key", takes),
		host(`"MaſkedPaths":[]`, "it looks like another key", takes),
		host(`"Mas\u212aedPaths":[]`, "it looks like another key", takes),
		host(`"READONLYPATHS":[]`, "it looks like another key", takes),
		host(`"memory":0`, "a key comes twice", takes),
		host(`"capdrop":[]`, "a key comes twice", takes),
		body("behind the object another", goodCreate+`{"HostConfig":{`+privileged+`}}`, "something stands behind", takes),
		body("behind the object rubbish", goodCreate+`]`, "something stands behind", takes),
		body("no object", `[`+goodCreate+`]`, "no JSON object", declines),
		body("nothing", `null`, "no JSON object", declines),
		body("half an object", goodCreate[:len(goodCreate)-2], "no JSON", declines),
		body("a comment", `/* */`+goodCreate, "no JSON", declines),
		body("a byte order mark", "\ufeff"+goodCreate, "no JSON", declines),
		body("no UTF-8", strings.Replace(goodCreate, "escape", "\xff\xfe", 1), "no UTF-8", takes),
		top(`"Annotations":`+repeat("[", 3000)+repeat("]", 3000), "nested more than", takes),
		host(`"Sysctls":`+repeat(`{"a":`, 40)+`1`+repeat(`}`, 40), "nested more than", declines),
		{"no body", ask("POST", createTarget, "Content-Length: 0"), "no JSON", declines},
	}
}

func pathAttempts() []attempt {
	create := func(target, want string, engine engineSays) attempt { return with(target, goodCreate, want, engine) }
	const plainly = "not written plainly"
	return []attempt{
		create("/v1.41/%63ontainers/create?name=wrp_e1", plainly, takes),
		create("/v1.41/containers%2fcreate?name=wrp_e2", plainly, unasked),
		create("//v1.41/containers/create?name=wrp_e3", plainly, declines),
		create("/v1.41//containers/create?name=wrp_e4", plainly, declines),
		create("/v1.41/./containers/create?name=wrp_e5", plainly, declines),
		create("/v1.41/x/../containers/create?name=wrp_e6", plainly, declines),
		create("/v1.41/containers/create/?name=wrp_e7", plainly, declines),
		create("/v1.41/containers/create;x?name=wrp_e8", plainly, declines),
		create("/v1.41/containers/create%00?name=wrp_e9", plainly, declines),
		create("http://docker/v1.41/containers/create?name=wrp_e10", plainly, takes),
		create("/containers/create?name=wrp_e11", "without a version", takes),
		create("/v1.24/containers/create?name=wrp_e12", "too old", takes),
		create("/v1.12/containers/create?name=wrp_e13", "too old", takes),
		create("/v1.041/containers/create?name=wrp_e14", unneeded, unasked),
		create("/v1.41.0/containers/create?name=wrp_e15", unneeded, unasked),
		create("/V1.41/containers/create?name=wrp_e16", unneeded, declines),
		create("/v2.0/containers/create?name=wrp_e17", unneeded, declines),
		create("/v1.41/v1.41/containers/create?name=wrp_e18", unneeded, declines),
		to("GET", "/v1.41/containers/{ours}/../{foreign}/json", plainly, declines),
		to("GET", "/v1.41/containers/{ours}/%2e%2e/{foreign}/json", plainly, declines),
		to("GET", "/v1.41/containers/%2e%2e/containers/{foreign}/json", plainly, declines),
		to("GET", "/v1.41/containers/{ours}%2f..%2f{foreign}/json", plainly, declines),
		to("GET", "/v1.41/containers//{foreign}/json", plainly, declines),
		to("GET", "/v1.41/containers/{ours}/json/../../{foreign}/json", plainly, declines),
		to("GET", `/v1.41/containers/..\{foreign}/json`, plainly, declines),
		to("GET", "/v1.41/images/wrp-standin:test/../../containers/{foreign}/json", plainly, declines),
		to("GET", "/v1.41/images/wrp-standin:test/json/json", "IMAGES in", declines),
		to("GET", "/v1.41/containers/é/json", plainly, declines),
		to("GET", "*", plainly, unasked),
		to("OPTIONS", "*", plainly, unasked),
		to("OPTIONS", "/v1.41/containers/create", unneeded, unasked),
		to("CONNECT", "10.0.0.1:22", plainly, unasked),
	}
}

func httpAttempts() []attempt {
	plain := post(createTarget, goodCreate)
	headers := func(name, extra string) string {
		return strings.Replace(plain, "\r\n\r\n", "\r\n"+name+": "+extra+"\r\n\r\n", 1)
	}
	chunks := func(extra string) string {
		return "POST " + createTarget + " HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\n" + extra + "Transfer-Encoding: chunked\r\nX: as it is\r\n\r\n" +
			"5\r\n" + goodCreate[:5] + "\r\n" + hexLength(goodCreate[5:]) + "\r\n" + goodCreate[5:] + "\r\n0\r\n\r\n"
	}
	return []attempt{
		{"chunked", chunks(""), "length is not said", takes},
		{"chunked, and a length", chunks("Content-Length: 3\r\n"), "length is not said", unasked},
		{"an unknown coding", headers("Transfer-Encoding", "identity, chunked"), "501", unasked},
		{"two lengths", headers("Content-Length", "5"), "400", unasked},
		{"a length with a sign", "POST " + createTarget + " HTTP/1.1\r\nHost: d\r\nContent-Length: +5\r\n\r\nX", "400", unasked},
		{"a length below zero", "POST " + createTarget + " HTTP/1.1\r\nHost: d\r\nContent-Length: -5\r\n\r\nX", "400", unasked},
		{"a header in two lines", "GET /_ping HTTP/1.1\r\nHost: d\r\n X: y\r\n\r\n", "400", unasked},
		{"a space before the colon", "GET /_ping HTTP/1.1\r\nHost: d\r\nContent-Length : 5\r\n\r\n", "400", unasked},
		{"two hosts", "GET /_ping HTTP/1.1\r\nHost: d\r\nHost: e\r\n\r\n", "400", unasked},
		{"a header of 64 KiB", "GET /_ping HTTP/1.1\r\nHost: d\r\nX: " + repeat("x", 64<<10) + "\r\n\r\n", "431", takes},
		{"a target of 64 KiB", "GET /" + repeat("x", 64<<10) + " HTTP/1.1\r\nHost: d\r\n\r\n", "431", declines},
		{"Upgrade", headers("Connection: Upgrade\r\nUpgrade", "tcp"), "header Upgrade", takes},
		{"Upgrade to HTTP/2", headers("Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nUpgrade", "h2c"), "header Upgrade", unasked},
		{"HTTP/2 at once", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "want HTTP/1.1", unasked},
		{"HTTP/1.0", strings.Replace(plain, "HTTP/1.1", "HTTP/1.0", 1), "want HTTP/1.1", takes},
		{"HTTP/0.9", "GET /_ping\r\n\r\n", "400", declines},
		{"Expect", headers("Expect", "100-continue"), "header Expect", unasked},
		{"Expect something", headers("Expect", "the unexpected"), "417", unasked},
		{"Trailer", headers("Trailer", "X"), "header Trailer", unasked},
		{"gzip", headers("Content-Encoding", "gzip"), "header Content-Encoding", unasked},
		{"4 MiB of a body", post(createTarget, strings.Replace(goodCreate, "escape", repeat("x", 4<<20), 1)), "longer than 16 KiB", unasked},
		{"a body that does not come whole", "POST " + createTarget + " HTTP/1.1\r\nHost: d\r\nX: as it is\r\nContent-Length: 70000\r\n\r\n{", "longer than 16 KiB", unasked},
		{"a body where none is to be", strings.Replace(ask("GET", "/v1.41/info", "Content-Length: 2"), "\r\n\r\n", "\r\n\r\n{}", 1), "do not need a body", takes},
		{"a lower-case method", strings.Replace(plain, "POST", "post", 1), unneeded, declines},
		{"another method", ask("PUT", createTarget, "Content-Length: 0"), unneeded, unasked},
		{"HEAD of what is no ping", ask("HEAD", "/v1.41/containers/{ours}/json"), "403", unasked},
	}
}

func hexLength(text string) string {
	const digits = "0123456789abcdef"
	n, out := len(text), ""
	for ; n > 0; n >>= 4 {
		out = string(digits[n&15]) + out
	}
	return out
}
