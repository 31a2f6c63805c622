// Argo CD's controller, its repository server and its command line in one binary, as Argo CD's own image has them, and
// the cache between them (a Redis in memory). The name it is called by says which it is.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/spf13/cobra"

	controller "github.com/argoproj/argo-cd/v3/cmd/argocd-application-controller/commands"
	askpass "github.com/argoproj/argo-cd/v3/cmd/argocd-git-ask-pass/commands"
	repositories "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
	cli "github.com/argoproj/argo-cd/v3/cmd/argocd/commands"
)

func main() {
	var command *cobra.Command
	switch name := filepath.Base(os.Args[0]); name {
	case "argocd-application-controller":
		command = controller.NewCommand()
	case "argocd-repo-server":
		command = repositories.NewCommand()
	case "argocd-git-ask-pass":
		command = askpass.NewCommand()
	case "redis":
		command = &cobra.Command{Use: "redis ADDRESS", Args: cobra.ExactArgs(1), RunE: redis}
	case "argocd":
		command = cli.NewCommand()
	default:
		fmt.Fprintf(os.Stderr, "there is no %s here\n", name)
		os.Exit(2)
	}
	if err := command.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func redis(_ *cobra.Command, arguments []string) error {
	server := miniredis.NewMiniRedis()
	if err := server.StartAddr(arguments[0]); err != nil {
		return err
	}
	defer server.Close()
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, os.Interrupt, syscall.SIGTERM)
	for second := time.NewTicker(time.Second); ; {
		select {
		case <-second.C:
			// By itself it keeps everything for ever: no new commit would be seen.
			server.FastForward(time.Second)
		case <-ended:
			return nil
		}
	}
}
