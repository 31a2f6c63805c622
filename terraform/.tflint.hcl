# The rules that come within tflint, all of them: `make lint`.
plugin "terraform" {
  enabled = true
  preset  = "all"
}

# A module is split into files by feature, so that none is called main.tf.
rule "terraform_standard_module_structure" {
  enabled = false
}
