package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	defaultDir = "target/cluster"
	// How long a cluster may take to come up, on a machine that is busy with other things.
	clusterPatience = 5 * time.Minute
	// What lies in a cluster's folder once it has come up.
	readyFile = "ready"
)

// up starts a cluster and ends once it is ready; or, with --hold, ends the cluster when its own end comes.
func upCommand(arguments []string) error {
	flags := flag.NewFlagSet("up", flag.ContinueOnError)
	dir := dirFlag(flags)
	images := flags.String("images", "", "`folder` of image tars that every node gets")
	onlyIPv4 := flags.Bool("ipv4", false, "IPv4 alone, even if this machine has IPv6")
	hold := flags.Bool("hold", false, "stay; end the cluster on SIGTERM, SIGINT or when the input, if it is a pipe, closes")
	if err := parse(flags, arguments, 0); err != nil {
		return err
	}
	p := plan{Dir: *dir}
	if *images != "" {
		folder, err := filepath.Abs(*images)
		if err != nil {
			return err
		}
		if _, err := os.Stat(folder); err != nil {
			return fmt.Errorf("--images: %w", err)
		}
		p.Images = folder
	}
	if err := checkHost(); err != nil {
		return err
	}
	p.IPv6 = !*onlyIPv4 && hasIPv6()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	if *hold {
		ctx = untilInputCloses(ctx)
	}
	unlock, err := lock(p.Dir)
	if err != nil {
		return err
	}
	started, err := p.up(ctx)
	unlock()
	if err != nil || !*hold {
		return err
	}
	if !started {
		return errors.New("it is another one's to end; leave out --hold")
	}
	<-ctx.Done()
	return down(p.Dir)
}

// up starts the cluster unless it runs already. When that fails, nothing runs; only the logs are left.
func (p *plan) up(ctx context.Context) (started bool, err error) {
	if running := machinesOf(p.Dir); len(running) > 0 {
		_, err := os.Stat(p.file(readyFile))
		if err == nil && len(running) == 1+len(nodeMachines) {
			fmt.Printf("The cluster in %s runs already; `make cluster-down` ends it.\n", p.Dir)
			fmt.Println("  export KUBECONFIG=" + p.kubeconfig())
			return false, nil
		}
		fmt.Println("Ending what an earlier start has left behind.")
	}
	if err := endMachines(p.Dir); err != nil {
		return false, err
	}
	if err := removeFiles(p.Dir); err != nil {
		return false, err
	}
	begun := time.Now()
	if err := p.bringUp(ctx, begun); err != nil {
		if ctx.Err() != nil {
			err = errors.New("stopped")
		}
		return false, errors.Join(err, endMachines(p.Dir),
			fmt.Errorf("nothing of it runs any more; logs are in %s until `make cluster-down`", p.logs()))
	}
	fmt.Printf("Ready after %.0f s: nodes %s, pods and Services reachable from this machine in %s.\n",
		time.Since(begun).Seconds(), strings.Join(nodeMachines, " and "), listed(*p, p.network))
	fmt.Println("  export KUBECONFIG=" + p.kubeconfig())
	return true, nil
}

func (p *plan) bringUp(ctx context.Context, begun time.Time) error {
	if err := os.MkdirAll(p.logs(), 0o755); err != nil {
		return err
	}
	choosing, err := lockRanges()
	if err != nil {
		return err
	}
	defer choosing.Close()
	if err := p.findRange(); err != nil {
		return err
	}
	if err := errors.Join(p.write(), p.writeIdentities(), p.writeOwnImages()); err != nil {
		return err
	}
	ctx, enough := context.WithTimeout(ctx, clusterPatience)
	defer enough()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	if err := errors.Join(p.startMachines(fail), choosing.Close()); err != nil {
		return err
	}
	a, err := readAuthority(p.file("pki"))
	if err != nil {
		return err
	}
	client, err := a.client("admin")
	if err != nil {
		return err
	}
	api := &apiClient{base: "https://" + p.apiServer(), http: &http.Client{
		Transport: &http.Transport{TLSClientConfig: client}, Timeout: 10 * time.Second}}
	steps := []struct {
		name string
		done func(context.Context) error
	}{
		{"etcd and kube-apiserver", api.ready},
		{"the DNS Service", func(ctx context.Context) error { return p.createDNSService(ctx, api) }},
		{"nodes with containerd, kubelet and kube-proxy", api.nodesReady},
		{"controller-manager", api.defaultAccount},
		{"CoreDNS", p.dnsReady},
	}
	for _, step := range steps {
		if err := await(ctx, step.done); err != nil {
			return fmt.Errorf("waited for %s: %w", step.name, err)
		}
		fmt.Printf("  %4.1f s  %s\n", time.Since(begun).Seconds(), step.name)
	}
	return os.WriteFile(p.file(readyFile), nil, 0o644)
}

// await tries until it works or the context ends, which says why if a machine has failed.
func await(ctx context.Context, try func(context.Context) error) error {
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			if cause := context.Cause(ctx); cause != ctx.Err() {
				return cause
			}
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// writeIdentities makes the certificates of all components, and the files by which they reach the API server.
func (p plan) writeIdentities() error {
	a, err := newAuthority(p.file("pki"))
	if err != nil {
		return err
	}
	err = errors.Join(a.serviceAccountKeys(), a.issue("apiserver", subject{
		user:  "kube-apiserver",
		names: apiServerNames,
		ips:   []net.IP{net.IPv4(127, 0, 0, 1), p.control(ipv4), p.kubernetes()},
	}))
	clients := map[string]subject{
		"admin":              {user: "admin", groups: []string{"system:masters"}},
		"controller-manager": {user: "system:kube-controller-manager"},
		"scheduler":          {user: "system:kube-scheduler"},
		"kube-proxy":         {user: "system:kube-proxy"},
	}
	for i, name := range nodeMachines {
		clients[name] = subject{
			user:   "system:node:" + name,
			groups: []string{"system:nodes"},
			names:  []string{name},
			ips:    []net.IP{p.node(i, ipv4)},
		}
	}
	for name, who := range clients {
		err = errors.Join(err, a.issue(name, who), a.writeKubeconfig(p.kubeconfigOf(name), "https://"+p.apiServer(), name))
	}
	return errors.Join(err, a.writeKubeconfig(p.kubeconfig(), "https://"+p.apiServer(), "admin"))
}

// startMachines starts them in namespaces of their own, joins these, and has the machines go on.
func (p plan) startMachines(fail context.CancelCauseFunc) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var pids []int
	var inputs []io.WriteCloser
	for _, name := range append([]string{controlMachine}, nodeMachines...) {
		log, err := os.Create(p.logOf(name))
		if err != nil {
			return err
		}
		defer log.Close()
		command := exec.Command(self, "machine", p.Dir, name)
		command.Stdout, command.Stderr = log, log
		command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: machineNamespaces, Setsid: true}
		input, err := command.StdinPipe()
		if err != nil {
			return err
		}
		if err := command.Start(); err != nil {
			return fmt.Errorf("%s: no namespaces of its own: %w", name, err)
		}
		go func() {
			_ = command.Wait() // its log says more than its status
			fail(fmt.Errorf("%s failed:\n%s", name, tail(p.logOf(name), 12)))
		}()
		pids = append(pids, command.Process.Pid)
		inputs = append(inputs, input)
	}
	if err := p.layNetwork(pids[0], pids[1:]); err != nil {
		return err
	}
	for _, input := range inputs {
		if _, err := fmt.Fprintln(input, goAhead); err != nil {
			return fmt.Errorf("a machine has ended early: %w; see %s", err, p.logs())
		}
	}
	return nil
}

// createDNSService puts CoreDNS, which runs beside the API server, behind the Service that pods ask.
func (p plan) createDNSService(ctx context.Context, api *apiClient) error {
	type object = map[string]any
	ports := []object{
		{"name": "dns", "port": 53, "protocol": "UDP"},
		{"name": "dns-tcp", "port": 53, "protocol": "TCP"},
	}
	spec := object{"clusterIP": p.dns(ipv4), "ports": ports}
	if p.IPv6 {
		spec["ipFamilyPolicy"] = "RequireDualStack"
		spec["clusterIPs"] = []net.IP{p.dns(ipv4), p.dns(ipv6)}
	}
	err := api.create(ctx, "/api/v1/namespaces/kube-system/services", object{
		"apiVersion": "v1",
		"kind":       "Service",
		"metadata":   object{"name": "kube-dns", "labels": object{"k8s-app": "kube-dns"}},
		"spec":       spec,
	})
	for _, family := range p.families() {
		name := []string{"IPv4", "IPv6"}[family]
		err = errors.Join(err, api.create(ctx, "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices", object{
			"apiVersion": "discovery.k8s.io/v1",
			"kind":       "EndpointSlice",
			"metadata": object{
				"name": "kube-dns-" + strings.ToLower(name), "labels": object{"kubernetes.io/service-name": "kube-dns"}},
			"addressType": name,
			"ports":       ports,
			"endpoints":   []object{{"addresses": []net.IP{p.control(family)}, "conditions": object{"ready": true}}},
		}))
	}
	return err
}

func (p plan) dnsReady(ctx context.Context) error {
	answer, err := ask(ctx, http.DefaultClient, "http://"+net.JoinHostPort(p.control(ipv4).String(), "8181")+"/ready")
	if err == nil && answer != "OK" {
		err = errors.New(answer)
	}
	return err
}

func downCommand(arguments []string) error {
	flags := flag.NewFlagSet("down", flag.ContinueOnError)
	dir := dirFlag(flags)
	if err := parse(flags, arguments, 0); err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return errors.New("ending a cluster needs root, as starting it did: sudo make cluster-down")
	}
	return down(*dir)
}

// down ends the cluster in a folder, whatever state it is in, and removes all that it has made.
func down(dir string) error {
	_, planned, _ := readPlan(dir)
	if !planned && len(machinesOf(dir)) == 0 {
		fmt.Println("No cluster runs in", dir+".")
	}
	return errors.Join(endMachines(dir), removeFiles(dir))
}

// endMachines kills the machines of a folder's cluster. The kernel ends their processes and mounts; the host's network
// device and the pods' cgroups are removed here.
func endMachines(dir string) error {
	p, planned, err := readPlan(dir)
	if err != nil {
		return err
	}
	for pid := range machinesOf(dir) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	ctx, enough := context.WithTimeout(context.Background(), 30*time.Second)
	defer enough()
	return await(ctx, func(context.Context) error {
		if left := machinesOf(dir); len(left) > 0 {
			return fmt.Errorf("machines have not ended: %v", left)
		}
		if planned {
			if err := p.removeHostLink(); err != nil {
				return fmt.Errorf("the network device %s cannot be removed: %w", p.hostLink(), err)
			}
		}
		return removeCgroups(cgroupName(dir))
	})
}

// machinesOf finds the machines of a folder's cluster by their command lines, so that they are found even if whoever
// started them has been killed: process id → name.
func machinesOf(dir string) map[int]string {
	machines := map[int]string{}
	for _, pid := range processes() {
		content, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
		if err != nil {
			continue // it has ended
		}
		arguments := strings.Split(string(content), "\x00")
		if len(arguments) > 3 && filepath.Base(arguments[0]) == "kube" && arguments[1] == "machine" && arguments[2] == dir {
			machines[pid] = arguments[3]
		}
	}
	return machines
}

// removeCgroups removes a cgroup and those in it from every hierarchy.
func removeCgroups(name string) error {
	roots, err := filepath.Glob(filepath.Join(cgroupRoot, "*", name))
	if err != nil {
		return err
	}
	for _, root := range append(roots, filepath.Join(cgroupRoot, name)) {
		var cgroups []string
		err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				cgroups = append(cgroups, path)
			}
			return nil // one that has gone meanwhile is what is wanted
		})
		if err != nil {
			return err
		}
		for _, cgroup := range slices.Backward(cgroups) {
			if err := syscall.Rmdir(cgroup); err != nil && !errors.Is(err, syscall.ENOENT) {
				return fmt.Errorf("%s: %w", cgroup, err)
			}
		}
	}
	return nil
}

// removeFiles removes what a cluster has written into its folder, and the folder if nothing else is in it.
func removeFiles(dir string) error {
	ours := append([]string{
		planFile, readyFile, "kubeconfig", "logs", "pki", "images", "etcd", "Corefile", controlMachine}, nodeMachines...)
	for _, name := range ours {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ENOTEMPTY) {
		return err
	}
	return nil
}

// statusCommand says which machines run, what runs in them, and how much memory it takes.
func statusCommand(arguments []string) error {
	flags := flag.NewFlagSet("status", flag.ContinueOnError)
	dir := dirFlag(flags)
	if err := parse(flags, arguments, 0); err != nil {
		return err
	}
	machines := machinesOf(*dir)
	if len(machines) == 0 {
		return fmt.Errorf("no cluster runs in %s; `make cluster-up` starts one", *dir)
	}
	p, _, err := readPlan(*dir)
	if err != nil {
		return err
	}
	fmt.Println("KUBECONFIG=" + p.kubeconfig())
	total := 0
	for pid, name := range machines {
		namespace, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
		if err != nil {
			return err
		}
		for _, other := range processes() {
			if of, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", other)); err != nil || of != namespace {
				continue // pods have namespaces of their own
			}
			content, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", other))
			words := strings.Split(string(content), "\x00")
			if len(words) < 2 {
				continue
			}
			program := filepath.Base(words[0])
			if program == "components" || program == "kube" {
				program = words[1]
			}
			size := residentMiB(other)
			total += size
			fmt.Printf("%-8s %-24s %5d MiB  process %d\n", name, program, size, other)
		}
	}
	fmt.Printf("%-8s %-24s %5d MiB, pods not counted\n", "all", "", total)
	return nil
}

func residentMiB(pid int) int {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	fields := strings.Fields(string(content))
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.Atoi(fields[1]) // the kernel writes numbers
	return pages * os.Getpagesize() >> 20
}

// imagesCommand gives images to every node of a running cluster.
func imagesCommand(arguments []string) error {
	flags := flag.NewFlagSet("images", flag.ContinueOnError)
	dir := dirFlag(flags)
	if err := parse(flags, arguments, -1); err != nil {
		return err
	}
	var tars []string
	for _, given := range flags.Args() {
		found := []string{given}
		if info, err := os.Stat(given); err != nil {
			return err
		} else if info.IsDir() {
			if found, err = filepath.Glob(filepath.Join(given, "*.tar")); err != nil {
				return err
			}
		}
		tars = append(tars, found...)
	}
	if len(tars) == 0 {
		return errors.New("no image tars: kube images [--dir DIR] TAR|FOLDER ...")
	}
	for _, node := range nodeMachines {
		for _, tar := range tars {
			command, err := inMachine(*dir, node, append([]string{"ctr"}, importArguments...)...)
			if err != nil {
				return err
			}
			content, err := os.Open(tar)
			if err != nil {
				return err
			}
			command.Stdin = content
			output, err := command.CombinedOutput()
			_ = content.Close() // was only read
			if err != nil {
				return fmt.Errorf("%s does not take %s: %w: %s", node, tar, err, output)
			}
			fmt.Printf("%s: %s", node, output)
		}
	}
	return nil
}

// nodeCommand runs a command in a machine's namespaces: `kube node node1 iptables-save`.
func nodeCommand(arguments []string) error {
	flags := flag.NewFlagSet("node", flag.ContinueOnError)
	dir := dirFlag(flags)
	if err := parse(flags, arguments, -1); err != nil {
		return err
	}
	if flags.NArg() < 2 {
		return errors.New("usage: kube node [--dir DIR] control|node1|node2 COMMAND ...")
	}
	command, err := inMachine(*dir, flags.Arg(0), flags.Args()[1:]...)
	if err != nil {
		return err
	}
	return syscall.Exec(command.Path, command.Args, os.Environ())
}

// inMachine is a command that runs in a machine's namespaces.
func inMachine(dir, name string, arguments ...string) (*exec.Cmd, error) {
	for pid, machine := range machinesOf(dir) {
		if machine == name {
			enter := []string{"--target", strconv.Itoa(pid), "--mount", "--uts", "--net", "--pid", "--"}
			return exec.Command("nsenter", append(enter, arguments...)...), nil
		}
	}
	return nil, fmt.Errorf("no machine %s runs in %s; a cluster has %s, %s", name, dir, controlMachine,
		strings.Join(nodeMachines, ", "))
}

// lock keeps others from starting or ending the cluster in a folder meanwhile.
func lock(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	folder, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(folder.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another `kube up` is at work in %s: %w", dir, err), folder.Close())
	}
	return func() { _ = folder.Close() }, nil // the lock goes with it
}

func dirFlag(flags *flag.FlagSet) *string {
	return flags.String("dir", defaultDir, "`folder` of the cluster, for all that it writes")
}

// parse reads flags; `--dir` becomes an absolute path. count is how many arguments there may be, -1 for any.
func parse(flags *flag.FlagSet, arguments []string, count int) error {
	if err := flags.Parse(arguments); err != nil {
		return fmt.Errorf("%w; `kube help` shows how it is called", err)
	}
	if count >= 0 && flags.NArg() > count {
		return fmt.Errorf("%q is too much; `kube help` shows how it is called", flags.Args())
	}
	absolute, err := filepath.Abs(flags.Lookup("dir").Value.String())
	if err != nil {
		return err
	}
	return flags.Set("dir", absolute)
}

// apiClient asks the API server, as an administrator.
type apiClient struct {
	base string
	http *http.Client
}

func (c *apiClient) ready(ctx context.Context) error {
	answer, err := ask(ctx, c.http, c.base+"/readyz")
	if err == nil && answer != "ok" {
		err = fmt.Errorf("/readyz: %s", answer)
	}
	return err
}

func (c *apiClient) defaultAccount(ctx context.Context) error {
	answer, err := ask(ctx, c.http, c.base+"/api/v1/namespaces/default/serviceaccounts/default")
	if err == nil && !strings.Contains(answer, `"kind":"ServiceAccount"`) {
		err = errors.New("the namespace default has no ServiceAccount yet")
	}
	return err
}

func (c *apiClient) nodesReady(ctx context.Context) error {
	answer, err := ask(ctx, c.http, c.base+"/api/v1/nodes")
	if err != nil {
		return err
	}
	var nodes struct {
		Items []struct {
			Metadata struct{ Name string }
			Status   struct {
				Conditions []struct{ Type, Status, Message string }
			}
		}
	}
	if err := json.Unmarshal([]byte(answer), &nodes); err != nil {
		return err
	}
	missing := slices.Clone(nodeMachines)
	for _, node := range nodes.Items {
		for _, condition := range node.Status.Conditions {
			if condition.Type != "Ready" {
				continue
			}
			if condition.Status != "True" {
				return fmt.Errorf("%s: %s", node.Metadata.Name, condition.Message)
			}
			missing = slices.DeleteFunc(missing, func(name string) bool { return name == node.Metadata.Name })
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%v have not come", missing)
	}
	return nil
}

// create makes an object; that it is there already is right as well.
func (c *apiClient) create(ctx context.Context, path string, object any) error {
	body, err := json.Marshal(object)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, strings.NewReader(string(body)))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusCreated && response.StatusCode != http.StatusConflict {
		answer, _ := io.ReadAll(io.LimitReader(response.Body, 4096)) // what there is of it
		return fmt.Errorf("%s: %s: %s", path, response.Status, answer)
	}
	return nil
}
