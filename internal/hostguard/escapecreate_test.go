package hostguard

import "strings"

// attempts are all that are tried.
func attempts() []attempt {
	var all []attempt
	for _, some := range [][]attempt{
		namespaceAttempts(), fileAttempts(), rightsAttempts(), limitAttempts(), portAttempts(), configAttempts(),
		jsonAttempts(), pathAttempts(), httpAttempts(), endpointAttempts(), foreignAttempts(), queryAttempts(),
	} {
		all = append(all, some...)
	}
	return all
}

const unneeded = "sessions do not need"

func namespaceAttempts() []attempt {
	return []attempt{
		host(`"Privileged":true`, "HostConfig.Privileged", takes),
		host(`"PidMode":"host"`, "HostConfig.PidMode", takes),
		host(`"PidMode":"container:{foreign}"`, "HostConfig.PidMode", takes),
		host(`"IpcMode":"host"`, "HostConfig.IpcMode", takes),
		host(`"IpcMode":"container:{foreign}"`, "HostConfig.IpcMode", takes),
		host(`"UTSMode":"host"`, "HostConfig.UTSMode", takes),
		host(`"UsernsMode":"host"`, "HostConfig.UsernsMode", takes),
		host(`"CgroupnsMode":"host"`, "HostConfig.CgroupnsMode", takes),
		host(`"CgroupParent":"/"`, "HostConfig.CgroupParent", takes),
		host(`"CgroupParent":"../../system.slice"`, "HostConfig.CgroupParent", takes),
		host(`"Cgroup":"container:{foreign}"`, "HostConfig.Cgroup", unasked),
		host(`"Runtime":"runc"`, "HostConfig.Runtime", takes),
		host(`"Isolation":"process"`, "HostConfig.Isolation", unasked),
		host(`"Annotations":{"a":"b"}`, "HostConfig.Annotations", unasked),
		swap(`"NetworkMode":"wrp"`, `"NetworkMode":"host"`, "HostConfig.NetworkMode", takes),
		swap(`"NetworkMode":"wrp"`, `"NetworkMode":"bridge"`, "HostConfig.NetworkMode", takes),
		swap(`"NetworkMode":"wrp"`, `"NetworkMode":"container:{foreign}"`, "HostConfig.NetworkMode", declines),
		swap(`"NetworkMode":"wrp",`, ``, "HostConfig.NetworkMode", takes),
		host(`"Links":["{foreign}:x"]`, "HostConfig.Links", unasked),
		host(`"ExtraHosts":["db:10.0.0.1"]`, "HostConfig.ExtraHosts", takes),
		host(`"Dns":["10.0.0.1"]`, "HostConfig.Dns", takes),
		host(`"DnsSearch":["corp.example"]`, "HostConfig.DnsSearch", takes),
		top(`"NetworkingConfig":{"EndpointsConfig":{"bridge":{"IPAMConfig":{"IPv4Address":"172.17.0.9"}}}}`, "NetworkingConfig", unasked),
		top(`"MacAddress":"02:42:ac:11:00:02"`, "MacAddress", unasked),
	}
}

func fileAttempts() []attempt {
	certificate := `{"Type":"bind","Source":"/etc/wrp/cert.pem","Target":"/a/cert.crt","ReadOnly":true},`
	key := `{"Type":"bind","Source":"/etc/wrp/key.pem","Target":"/a/private.key","ReadOnly":true}`
	return []attempt{
		host(`"Binds":["/:/host"]`, "HostConfig.Binds", takes),
		host(`"Binds":["/:/host:ro"]`, "HostConfig.Binds", takes),
		host(`"Binds":["/var/run/docker.sock:/d.sock"]`, "HostConfig.Binds", takes),
		host(`"Binds":["/etc/wrp/cert.pem:/cert.crt:ro"]`, "HostConfig.Binds", unasked),
		host(`"Binds":["escape-volume:/v"]`, "HostConfig.Binds", unasked),
		host(`"VolumeDriver":"local"`, "HostConfig.VolumeDriver", takes),
		host(`"VolumesFrom":["{foreign}"]`, "HostConfig.VolumesFrom", takes),
		host(`"VolumesFrom":["{name}:ro"]`, "HostConfig.VolumesFrom", takes),
		host(`"Mounts":[{"Type":"bind","Source":"/","Target":"/host"}]`, "HostConfig.Mounts.ReadOnly", takes),
		host(`"Mounts":[{"Type":"bind","Source":"/etc/shadow","Target":"/a/cert.crt","ReadOnly":true},{"Type":"bind","Source":"/etc/shadow","Target":"/a/private.key","ReadOnly":true}]`, "CERTIFICATE in", takes),
		host(`"Mounts":[{"Type":"bind","Source":"/etc/wrp/../shadow","Target":"/a/cert.crt","ReadOnly":true},`+key+`]`, "CERTIFICATE in", unasked),
		host(`"CapAdd":["CAP_DAC_READ_SEARCH"],"Mounts":[`+certificate+key+`,{"Type":"bind","Source":"/etc","Target":"/e","ReadOnly":true}]`, "CERTIFICATE in", unasked),
		host(`"CapAdd":["CAP_DAC_READ_SEARCH"],"Mounts":[`+certificate+certificate+key+`]`, "CERTIFICATE in", unasked),
		host(`"CapAdd":["CAP_DAC_READ_SEARCH"],"Mounts":[`+certificate+strings.Replace(key, `/a/`, `/b/`, 1)+`]`, "CERTIFICATE in", unasked),
		host(`"CapAdd":["CAP_DAC_READ_SEARCH"],"Mounts":[`+certificate+strings.Replace(key, `"ReadOnly":true`, `"ReadOnly":false`, 1)+`]`, "ReadOnly", unasked),
		host(`"Mounts":[{"Type":"volume","Target":"/host","VolumeOptions":{"DriverConfig":{"Name":"local","Options":{"type":"none","o":"bind","device":"/"}}}}]`, "HostConfig.Mounts.Type", takes),
		host(`"Mounts":[{"Type":"bind","Source":"/","Target":"/h","ReadOnly":true,"BindOptions":{"Propagation":"rshared"}}]`, "HostConfig.Mounts.BindOptions", takes),
		host(`"Mounts":[{"Type":"tmpfs","Target":"/t"}]`, "HostConfig.Mounts.Type", takes),
		host(`"Mounts":[{"Type":"npipe","Source":"a","Target":"b"}]`, "HostConfig.Mounts.Type", unasked),
		host(`"Mounts":["/:/host"]`, "HostConfig.Mounts", declines),
		host(`"Mounts":{"Type":"bind"}`, "HostConfig.Mounts", declines),
		swap(`"ReadonlyRootfs":true`, `"ReadonlyRootfs":false`, "HostConfig.ReadonlyRootfs", takes),
		swap(`"Tmpfs":{"/tmp":""}`, `"Tmpfs":{"/tmp":"exec,suid,dev"}`, "HostConfig.Tmpfs", takes),
		swap(`"Tmpfs":{"/tmp":""}`, `"Tmpfs":{"/tmp":"","/etc":""}`, "HostConfig.Tmpfs", takes),
		host(`"StorageOpt":{"size":"1g"}`, "HostConfig.StorageOpt", unasked),
		host(`"ContainerIDFile":"/etc/cron.d/x"`, "HostConfig.ContainerIDFile", takes),
		top(`"Volumes":{"/v":{},"/w":{}}`, "Volumes", takes),
	}
}

func rightsAttempts() []attempt {
	list := []attempt{
		host(`"CapAdd":["SYS_ADMIN"]`, "HostConfig.CapAdd", takes),
		host(`"CapAdd":["CAP_SYS_ADMIN"]`, "HostConfig.CapAdd", takes),
		host(`"CapAdd":["ALL"]`, "HostConfig.CapAdd", takes),
		host(`"CapAdd":["all"]`, "HostConfig.CapAdd", takes),
		host(`"CapAdd":["CAP_DAC_READ_SEARCH"]`, "HostConfig.CapAdd", takes),
		host(`"Capabilities":["CAP_SYS_ADMIN"]`, "HostConfig.Capabilities", unasked),
		swap(`"CapDrop":["ALL"]`, `"CapDrop":[]`, "HostConfig.CapDrop", takes),
		swap(`"CapDrop":["ALL"]`, `"CapDrop":["NET_RAW"]`, "HostConfig.CapDrop", takes),
		swap(`"CapDrop":["ALL"],`, ``, "HostConfig.CapDrop", takes),
		host(`"MaskedPaths":[]`, "HostConfig.MaskedPaths", takes),
		host(`"MaskedPaths":["/proc/kcore"]`, "HostConfig.MaskedPaths", takes),
		host(`"ReadonlyPaths":[]`, "HostConfig.ReadonlyPaths", takes),
		host(`"Devices":[{"PathOnHost":"/dev/mem","PathInContainer":"/dev/mem","CgroupPermissions":"rwm"}]`, "HostConfig.Devices", takes),
		host(`"DeviceCgroupRules":["a *:* rwm"]`, "HostConfig.DeviceCgroupRules", takes),
		host(`"DeviceRequests":[{"Count":-1,"Capabilities":[["gpu"]]}]`, "HostConfig.DeviceRequests", takes),
		host(`"Sysctls":{"net.ipv4.ip_forward":"1"}`, "HostConfig.Sysctls", takes),
		host(`"GroupAdd":["docker","0"]`, "HostConfig.GroupAdd", takes),
		host(`"OomScoreAdj":-1000`, "HostConfig.OomScoreAdj", takes),
		host(`"Init":true`, "HostConfig.Init", takes),
	}
	for _, options := range []struct {
		list   string
		engine engineSays
	}{
		{`[]`, takes}, {`null`, takes}, {`["seccomp=unconfined"]`, takes}, {`["seccomp:unconfined"]`, takes}, {`["apparmor=unconfined"]`, takes},
		{`["apparmor:unconfined"]`, takes}, {`["label=disable"]`, takes}, {`["label:disable"]`, takes}, {`["no-new-privileges=false"]`, takes},
		{`["no-new-privileges:false"]`, takes}, {`["no-new-privileges=true"]`, takes}, {`["no-new-privileges","seccomp=unconfined"]`, takes},
		{`["no-new-privileges","apparmor=unconfined"]`, takes}, {`["systempaths=unconfined"]`, declines}, {`["no-new-privileges",""]`, declines},
	} {
		list = append(list, swap(`"SecurityOpt":["no-new-privileges"]`, `"SecurityOpt":`+options.list, "HostConfig.SecurityOpt", options.engine))
	}
	return list
}

func limitAttempts() []attempt {
	const memory, pids, log = `"Memory":67108864`, `"PidsLimit":64`, `"Type":"json-file","Config":{"max-size":"1m","max-file":"1"}`
	return []attempt{
		swap(memory, `"Memory":0`, "HostConfig.Memory", takes),
		swap(memory, `"Memory":null`, "HostConfig.Memory", takes),
		swap(memory, `"Memory":-1`, "HostConfig.Memory", unasked),
		swap(memory, `"Memory":1073741825`, "MAX_MEMORY in", takes),
		swap(memory, `"Memory":99999999999999999999`, "HostConfig.Memory", declines),
		swap(memory, `"Memory":67108864.5`, "HostConfig.Memory", declines),
		swap(memory, `"Memory":"67108864"`, "HostConfig.Memory", declines),
		host(`"MemorySwap":-1`, "HostConfig.MemorySwap", takes),
		host(`"MemorySwappiness":100`, "HostConfig.MemorySwappiness", unasked),
		host(`"MemoryReservation":6291456`, "HostConfig.MemoryReservation", takes),
		host(`"OomKillDisable":true`, "HostConfig.OomKillDisable", takes),
		host(`"ShmSize":1073741824`, "HostConfig.ShmSize", takes),
		swap(pids, `"PidsLimit":0`, "HostConfig.PidsLimit", takes),
		swap(pids, `"PidsLimit":-1`, "HostConfig.PidsLimit", takes),
		swap(pids, `"PidsLimit":513`, "MAX_PIDS in", takes),
		swap(`"NanoCpus":500000000`, `"NanoCpus":2000000001`, "MAX_CPUS in", unasked),
		host(`"CpuShares":100000`, "HostConfig.CpuShares", takes),
		host(`"CpuQuota":50000`, "HostConfig.CpuQuota", declines),
		host(`"CpusetCpus":"0"`, "HostConfig.CpusetCpus", unasked),
		host(`"CpuRealtimeRuntime":1`, "HostConfig.CpuRealtimeRuntime", unasked),
		host(`"BlkioWeight":1000`, "HostConfig.BlkioWeight", unasked),
		host(`"Ulimits":[{"Name":"nofile","Soft":1048576,"Hard":1048576}]`, "HostConfig.Ulimits", takes),
		host(`"RestartPolicy":{"Name":"always"}`, "HostConfig.RestartPolicy", takes),
		host(`"AutoRemove":true`, "HostConfig.AutoRemove", takes),
		swap(log, `"Type":"syslog","Config":{"syslog-address":"udp://10.0.0.1:514"}`, "HostConfig.LogConfig", takes),
		swap(log, `"Type":"json-file","Config":{"max-size":"100g","max-file":"1"}`, "HostConfig.LogConfig", takes),
		swap(log, `"Type":"json-file","Config":{}`, "HostConfig.LogConfig", takes),
		swap(log, `"Type":"none","Config":{}`, "HostConfig.LogConfig", takes),
	}
}

func portAttempts() []attempt {
	const binding = `[{"HostIp":"127.0.0.1","HostPort":"19099"}]`
	return []attempt{
		swap(binding, `[{"HostIp":"","HostPort":"19099"}]`, "PUBLISH in", takes),
		swap(binding, `[{"HostIp":"0.0.0.0","HostPort":"19099"}]`, "PUBLISH in", takes),
		swap(binding, `[{"HostIp":"::","HostPort":"19099"}]`, "PUBLISH in", takes),
		swap(binding, `[{"HostIp":"127.0.0.2","HostPort":"19099"}]`, "PUBLISH in", takes),
		swap(binding, `[{"HostIp":"127.0.0.1","HostPort":"22"}]`, "PORTS in", takes),
		swap(binding, `[{"HostIp":"127.0.0.1","HostPort":"19090-19099"}]`, "PORTS in", takes),
		swap(binding, `[{"HostIp":"127.0.0.1","HostPort":"019099"}]`, "PORTS in", takes),
		swap(binding, `[{"HostIp":"127.0.0.1","HostPort":""}]`, "PORTS in", takes),
		swap(binding, `[{"HostIp":"127.0.0.1","HostPort":19099}]`, "want a string", declines),
		swap(binding, `[]`, "want this port", takes),
		swap(binding, `[{"HostIp":"127.0.0.1","HostPort":"19099"},{"HostIp":"0.0.0.0","HostPort":"19098"}]`, "want this port", takes),
		swap(binding, binding+`,"22/tcp":[{"HostIp":"0.0.0.0","HostPort":"22"}]`, "want this port", takes),
		swap(`"PortBindings":{"8080/tcp"`, `"PortBindings":{"8080/udp"`, "want this port", takes),
		swap(`"ExposedPorts":{"8080/tcp":{}}`, `"ExposedPorts":{"22/tcp":{}}`, "ExposedPorts", takes),
		swap(`"ExposedPorts":{"8080/tcp":{}}`, `"ExposedPorts":{"8080/tcp":{},"22/tcp":{}}`, "ExposedPorts", takes),
		swap(`"ExposedPorts":{"8080/tcp":{}}`, `"ExposedPorts":{"8080/tcp":{"x":1}}`, "ExposedPorts", takes),
		host(`"PublishAllPorts":true`, "HostConfig.PublishAllPorts", takes),
	}
}

func configAttempts() []attempt {
	const image, database = `"Image":"wrp-standin:test"`, `"wrpdistributor.database":"` + testDatabase + `"`
	return []attempt{
		top(`"User":"0:0"`, "User", takes),
		top(`"Env":["LD_PRELOAD=/tmp/x"]`, "Env", takes),
		top(`"Entrypoint":["/bin/sh","-c"]`, "Entrypoint", takes),
		top(`"WorkingDir":"/proc/self/cwd"`, "WorkingDir", takes),
		top(`"Healthcheck":{"Test":["CMD-SHELL","id"],"Interval":1000000000}`, "Healthcheck", takes),
		top(`"Hostname":"gateway"`, "Hostname", takes),
		top(`"Domainname":"corp.example"`, "Domainname", takes),
		top(`"Tty":true`, "Tty", takes),
		top(`"OpenStdin":true`, "OpenStdin", takes),
		top(`"AttachStdin":true`, "AttachStdin", takes),
		top(`"StopSignal":"SIGWINCH"`, "StopSignal", takes),
		top(`"StopTimeout":86400`, "StopTimeout", takes),
		top(`"NetworkDisabled":true`, "NetworkDisabled", takes),
		top(`"Shell":["/bin/sh"]`, "Shell", takes),
		top(`"OnBuild":["RUN id"]`, "OnBuild", takes),
		swap(`"Cmd":["-token","escape"]`, `"Cmd":"-token escape"`, "Cmd", takes),
		swap(`"Cmd":["-token","escape"]`, `"Cmd":[1]`, "Cmd", declines),
		swap(`"Cmd":["-token","escape"]`, `"Cmd":["`+repeat("x", 5000)+`"]`, "Cmd", takes),
		swap(`"Cmd":["-token","escape"]`, `"Cmd":[`+repeat(`"x",`, 99)+`"x"]`, "Cmd", takes),
		swap(`"Cmd":["-token","escape"]`, `"Cmd":["a\u0000b"]`, "Cmd", unasked),
		swap(image, `"Image":"wrp-test-container-host:latest"`, "IMAGES in", unasked),
		swap(image, `"Image":"wrp-standin"`, "IMAGES in", unasked),
		swap(image, `"Image":"docker.io/library/wrp-standin:test"`, "IMAGES in", takes),
		swap(image, `"Image":"WRP-standin:test"`, "IMAGES in", declines),
		swap(image, `"Image":"wrp-standin:test "`, "IMAGES in", declines),
		swap(image, `"Image":""`, "IMAGES in", unasked),
		swap(image, `"Image":["wrp-standin:test"]`, "", declines),
		swap(image, `"Image":"`+noImage+`"`, "IMAGES in", declines),
		{"the probe, privileged", post("/v1.41/containers/create", `{"Image":"`+noImage+`","HostConfig":{"Privileged":true}}`), "HostConfig.Privileged", declines},
		{"the probe, for any file", post("/v1.41/containers/create", `{"Image":"`+noImage+`","HostConfig":{"Mounts":[{"Type":"bind","Source":"/root/.ssh/id","Target":"/cert.crt","ReadOnly":true}]}}`), "CERTIFICATE in", declines},
		swap(database, `"wrpdistributor.database":"ffffffffffffffffffffffffffffffff"`, "this host is for containers of database 01234567", takes),
		swap(database, `"wrpdistributor.database":"x"`, "Labels.wrpdistributor.database", takes),
		swap(database+",", ``, "Labels.wrpdistributor.database", takes),
		swap(database, database+`,"com.example":"x"`, "Labels.com.example", takes),
		swap(`"wrpdistributor.session":"7"`, `"wrpdistributor.session":"7 or 8"`, "Labels.wrpdistributor.session", takes),
		swap(`"wrpdistributor.claim":"N"`, `"wrpdistributor.claim":"`+repeat("x", 4000)+`"`, "Labels.wrpdistributor.claim", takes),
		swap(`"wrpdistributor.claim":"N"`, `"wrpdistributor.claim":1`, "Labels.wrpdistributor.claim", declines),
	}
}
