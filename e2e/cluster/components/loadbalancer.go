package main

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/workqueue"
)

// runLoadBalancer does what a cloud does for Services of type LoadBalancer: each gets an address of each of its families,
// in its status. kube-proxy forwards what comes to these addresses on every node; whoever starts this routes the ranges to one.
func runLoadBalancer() int {
	flags := flag.NewFlagSet("load-balancer", flag.ExitOnError)
	kubeconfig := flags.String("kubeconfig", "", "`file` by which the API server is reached")
	ranges := flags.String("ranges", "", "`CIDR`s of the addresses to give away, with commas between them")
	_ = flags.Parse(os.Args[1:]) // exits by itself
	if err := balance(*kubeconfig, *ranges); err != nil {
		fmt.Fprintln(os.Stderr, "load-balancer:", err)
		return 1
	}
	return 0
}

func balance(kubeconfig, ranges string) error {
	var within []netip.Prefix
	for text := range strings.SplitSeq(ranges, ",") {
		each, err := netip.ParsePrefix(text)
		if err != nil {
			return fmt.Errorf("--ranges: %w", err)
		}
		within = append(within, each)
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return fmt.Errorf("--kubeconfig: %w", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]())
	go func() {
		<-ctx.Done()
		queue.ShutDown()
	}()
	informer := informers.NewSharedInformerFactory(client, 10*time.Minute).Core().V1().Services().Informer()
	enqueue := func(object any) {
		if key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(object); err == nil {
			queue.Add(key)
		}
	}
	_, err = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: enqueue, UpdateFunc: func(_, object any) { enqueue(object) }, DeleteFunc: enqueue})
	if err != nil {
		return err
	}
	go informer.RunWithContext(ctx)
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return ctx.Err()
	}
	b := balancer{client: client, services: informer.GetStore(), within: within, given: map[string][]netip.Addr{}}
	for _, object := range b.services.List() {
		b.remember(object.(*core.Service))
	}
	for {
		key, end := queue.Get()
		if end {
			return nil
		}
		if err := b.settle(ctx, key); err != nil {
			fmt.Fprintf(os.Stderr, "load-balancer: %s: %v\n", key, err)
			queue.AddRateLimited(key)
		} else {
			queue.Forget(key)
		}
		queue.Done(key)
	}
}

type balancer struct {
	client   kubernetes.Interface
	services cache.Store
	within   []netip.Prefix
	given    map[string][]netip.Addr // by the Service's namespace and name
}

// remember takes over the addresses that were given before this program was started.
func (b *balancer) remember(service *core.Service) {
	key := service.Namespace + "/" + service.Name
	for _, ingress := range service.Status.LoadBalancer.Ingress {
		address, err := netip.ParseAddr(ingress.IP)
		if err == nil && slices.ContainsFunc(b.within, func(each netip.Prefix) bool { return each.Contains(address) }) {
			b.given[key] = append(b.given[key], address)
		}
	}
}

// settle gives a Service its addresses, or takes them back from one that has gone or wants none.
func (b *balancer) settle(ctx context.Context, key string) error {
	object, found, err := b.services.GetByKey(key)
	if err != nil {
		return err
	}
	service, _ := object.(*core.Service)
	if !found || service.Spec.Type != core.ServiceTypeLoadBalancer || service.DeletionTimestamp != nil {
		delete(b.given, key)
		return nil
	}
	var addresses []netip.Addr
	var ingress []core.LoadBalancerIngress
	for _, family := range service.Spec.IPFamilies {
		address, err := b.addressOf(key, family == core.IPv6Protocol, service.Spec.LoadBalancerIP)
		if err != nil {
			return err
		}
		addresses = append(addresses, address)
		ingress = append(ingress, core.LoadBalancerIngress{IP: address.String()})
	}
	b.given[key] = addresses
	if slices.EqualFunc(service.Status.LoadBalancer.Ingress, ingress,
		func(one, other core.LoadBalancerIngress) bool { return one.IP == other.IP }) {
		return nil
	}
	changed := service.DeepCopy()
	changed.Status.LoadBalancer.Ingress = ingress
	_, err = b.client.CoreV1().Services(service.Namespace).UpdateStatus(ctx, changed, meta.UpdateOptions{})
	return err
}

// addressOf is the address of a family that a Service has already, else the one that it wishes for, if that is one of
// ours and free, else the first that is free.
func (b *balancer) addressOf(key string, ipv6 bool, wish string) (netip.Addr, error) {
	taken := map[netip.Addr]bool{}
	for other, addresses := range b.given {
		for _, address := range addresses {
			if other == key && address.Is6() == ipv6 {
				return address, nil
			}
			taken[address] = true
		}
	}
	for _, within := range b.within {
		if within.Addr().Is6() != ipv6 {
			continue
		}
		if address, err := netip.ParseAddr(wish); err == nil && within.Contains(address) && !taken[address] {
			return address, nil
		}
		for address := within.Addr().Next(); within.Contains(address); address = address.Next() {
			if !taken[address] {
				return address, nil
			}
		}
	}
	return netip.Addr{}, fmt.Errorf("no address is left in %v", b.within)
}
