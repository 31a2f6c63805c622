# What is read from the contracts: no provider, so it runs in a moment.

run "the_repositorys_contracts" {
  command = plan

  variables {
    directory = "../../../contracts"
  }

  assert {
    condition     = output.feeds["pos.receipts"].topic == "pos.receipts.v1"
    error_message = "The topic is the contract's."
  }

  assert {
    condition     = output.feeds["pos.receipts"].tables == ["receipts", "receipt_lines", "receipt_tenders"]
    error_message = "A feed's tables are the message's own first, then one for each of its arrays."
  }

  assert {
    condition     = output.feeds["pos.receipts"].roles.write == tolist(["spark-ingest", "upkeep"])
    error_message = "Who writes stands in the contract's roles."
  }

  assert {
    condition     = output.feeds["pos.receipts"].roles.consume == tolist(["quality", "spark-ingest"])
    error_message = "Who consumes stands in the contract's roles."
  }

  assert {
    condition     = output.feeds["pos.receipts"].roles.describe == tolist(["airflow-triggerer"])
    error_message = "Who sees how far a feed has come stands in the contract's roles."
  }

  assert {
    condition     = [for column in output.tables["receipt_tenders"].columns : column.name if column.name == "tender_type"] == ["tender_type"]
    error_message = "A column is called by its physicalName."
  }

  assert {
    condition     = output.tables["receipts"].partition_columns == ["dt", "hour"]
    error_message = "Tables of feeds are partitioned by business date and hour."
  }
}

run "no_contracts" {
  command = plan

  variables {
    directory = "./tests"
  }

  expect_failures = [var.directory]
}

run "a_table_that_reaches_others" {
  command = plan

  variables {
    directory = "./tests/bad_prefix"
  }

  expect_failures = [output.feeds]
}

run "a_table_of_the_platform" {
  command = plan

  variables {
    directory = "./tests/taken_table"
  }

  expect_failures = [output.feeds]
}

run "a_topic_that_reaches_others" {
  command = plan

  variables {
    directory = "./tests/bad_topic"
  }

  expect_failures = [output.feeds]
}
