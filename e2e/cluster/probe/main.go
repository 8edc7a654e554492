// Command probe is what tests run in pods: a server that says who answers, and a client.
//
//	probe serve [ADDRESS]    answers every request with its host name and the request's line and headers
//	probe get URL            prints the answer's body; fails if there is none of status 200
//	probe resolve NAME       prints the addresses of a name
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	switch {
	case len(arguments) >= 1 && arguments[0] == "serve":
		address := ":8080"
		if len(arguments) == 2 {
			address = arguments[1]
		}
		return http.ListenAndServe(address, http.HandlerFunc(answer))
	case len(arguments) == 2 && arguments[0] == "get":
		return get(arguments[1])
	case len(arguments) == 2 && arguments[0] == "resolve":
		addresses, err := net.LookupHost(arguments[1])
		for _, address := range addresses {
			fmt.Println(address)
		}
		return err
	default:
		return errors.New("usage: probe serve [ADDRESS] | get URL | resolve NAME")
	}
}

func answer(response http.ResponseWriter, request *http.Request) {
	host, err := os.Hostname()
	if err != nil {
		http.Error(response, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprintf(response, "host: %s\nfrom: %s\n%s %s\n", host, request.RemoteAddr, request.Method, request.URL)
	_ = request.Header.Write(response) // the client has gone: nobody reads it
}

func get(url string) error {
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(os.Stdout, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}
