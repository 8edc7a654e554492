package main

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
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

// runLoadBalancer does what a cloud does for Services of type LoadBalancer: each gets an address of a range, in its
// status. kube-proxy forwards what comes to these addresses on every node; whoever starts this routes the range to one.
func runLoadBalancer() int {
	flags := flag.NewFlagSet("load-balancer", flag.ExitOnError)
	kubeconfig := flags.String("kubeconfig", "", "`file` by which the API server is reached")
	addresses := flags.String("range", "", "`CIDR` of the addresses to give away")
	_ = flags.Parse(os.Args[1:]) // exits by itself
	if err := balance(*kubeconfig, *addresses); err != nil {
		fmt.Fprintln(os.Stderr, "load-balancer:", err)
		return 1
	}
	return 0
}

func balance(kubeconfig, addresses string) error {
	within, err := netip.ParsePrefix(addresses)
	if err != nil {
		return fmt.Errorf("--range: %w", err)
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
	b := balancer{client: client, services: informer.GetStore(), within: within, given: map[string]netip.Addr{}}
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
	within   netip.Prefix
	given    map[string]netip.Addr // by the Service's namespace and name
}

// remember takes over an address that was given before this program was started.
func (b *balancer) remember(service *core.Service) {
	for _, ingress := range service.Status.LoadBalancer.Ingress {
		if address, err := netip.ParseAddr(ingress.IP); err == nil && b.within.Contains(address) {
			b.given[service.Namespace+"/"+service.Name] = address
		}
	}
}

// settle gives a Service its address, or takes it back from one that has gone or wants none.
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
	address, has := b.given[key]
	if !has {
		if address, err = b.free(service.Spec.LoadBalancerIP); err != nil {
			return err
		}
	}
	b.given[key] = address
	ingress := []core.LoadBalancerIngress{{IP: address.String()}}
	if current := service.Status.LoadBalancer.Ingress; len(current) == 1 && current[0].IP == ingress[0].IP {
		return nil
	}
	changed := service.DeepCopy()
	changed.Status.LoadBalancer.Ingress = ingress
	_, err = b.client.CoreV1().Services(service.Namespace).UpdateStatus(ctx, changed, meta.UpdateOptions{})
	return err
}

// free is the address that is wished for, if it is one of ours and free, else the first that is free.
func (b *balancer) free(wish string) (netip.Addr, error) {
	taken := map[netip.Addr]bool{}
	for _, address := range b.given {
		taken[address] = true
	}
	if address, err := netip.ParseAddr(wish); err == nil && b.within.Contains(address) && !taken[address] {
		return address, nil
	}
	for address := b.within.Addr().Next(); b.within.Contains(address); address = address.Next() {
		if !taken[address] {
			return address, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("all addresses of %v are given away", b.within)
}
