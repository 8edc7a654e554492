module dev.mesh/cni

go 1.25.0
