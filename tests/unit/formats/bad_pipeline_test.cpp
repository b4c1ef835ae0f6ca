// Documents that are refused: for each the code, the place and what is said. `§` in a document marks the place that must be named.
#include "parsed.hpp"

namespace baton {
namespace {

using test::try_parse;

struct Marked {
  std::string text;
  std::string where;
};

/// Takes the mark out, and counts its line and column.
Marked marked(std::string_view document) {
  constexpr std::string_view mark = "§";
  const auto at = document.find(mark);
  Marked result{std::string(document), ""};
  if (at == std::string_view::npos) return result;
  result.text.erase(at, mark.size());
  std::size_t line = 1, column = 1;
  for (std::size_t i = 0; i < at; ++i) {
    const bool continues = (static_cast<unsigned char>(document[i]) & 0xC0U) == 0x80U;
    column = document[i] == '\n' ? 1 : column + (continues ? 0 : 1);
    line += document[i] == '\n' ? 1 : 0;
  }
  result.where = "pipeline.yaml:" + std::to_string(line) + ":" + std::to_string(column);
  return result;
}

struct Bad {
  const char* name;
  const char* code;
  const char* document;
  const char* what;     ///< all of it
  const char* way_out;  ///< all of it
};

/// Prints a case by its name.
void PrintTo(const Bad& bad, std::ostream* out) { *out << bad.name; }

class BadPipeline : public testing::TestWithParam<Bad> {};

TEST_P(BadPipeline, is_refused_at_its_place) {
  const auto& bad = GetParam();
  const auto [text, where] = marked(bad.document);

  const auto project = try_parse(text);

  ASSERT_FALSE(project.has_value());
  EXPECT_EQ(project.error().code, bad.code);
  EXPECT_EQ(project.error().where, where);
  EXPECT_EQ(project.error().what, bad.what);
  EXPECT_EQ(project.error().way_out, bad.way_out);
}

std::string name_of(const testing::TestParamInfo<Bad>& info) { return info.param.name; }

constexpr const char* node_fields =
    "its fields: run, inputs, outputs, foreach, after, env, timeout, resources, grace, retries, cache, image, …";

// ---- the document and its fields ----------------------------------------------------------------------------------
const Bad of_fields[] = {
    {"empty_document", "input.missing_field", "§", "the document is empty", "it begins with baton: 1"},
    {"only_a_comment", "input.missing_field", "§# nothing\n", "the document is empty", "it begins with baton: 1"},
    {"a_list_as_document", "input.wrong_type", "§[1]",
     "the document must be an object with the fields 'baton' and 'nodes', not a list", ""},
    {"no_version", "input.missing_field", "§nodes: {a: {run: x}}", "the document has no field 'baton'",
     "it begins with baton: 1, the version of the format"},
    {"another_version", "input.version", "baton: §2\nanything: {}", "the document is of version 2 of the format",
     "this Baton reads version 1"},
    {"a_version_in_words", "input.wrong_type", "baton: §one", "'baton' must be the number 1, not text", ""},
    {"no_nodes", "input.missing_field", "§baton: 1", "the document has no field 'nodes'", ""},
    {"nodes_without_a_node", "input.bad_value", "{baton: 1, nodes: §{}}", "'nodes' has no node", ""},
    {"nodes_as_a_list", "input.wrong_type", "{baton: 1, nodes: §[]}", "'nodes' must be an object of nodes, not a list", ""},
    {"unknown_field_of_the_document", "input.unknown_field", "{baton: 1, §param: {}, nodes: {a: {run: x}}}",
     "the document has no field 'param'", "its fields: baton, name, params, defaults, nodes; did you mean 'params'?"},
    {"unknown_field_of_a_node", "input.unknown_field", "baton: 1\nnodes:\n  a:\n    run: x\n    §outptus: {}\n",
     "the node 'a' has no field 'outptus'",
     "its fields: run, inputs, outputs, foreach, after, env, timeout, resources, grace, retries, cache, image, …; did you mean "
     "'outputs'?"},
    {"unknown_field_far_from_all", "input.unknown_field", "{baton: 1, nodes: {a: {§banana: x}}}",
     "the node 'a' has no field 'banana'", node_fields},
    {"unknown_field_of_defaults", "input.unknown_field", "{baton: 1, defaults: {§run: x}, nodes: {a: {run: x}}}",
     "'defaults' has no field 'run'", "its fields: env, resources, timeout, grace, retries, cache, image, files"},
    {"a_name_that_is_a_number", "input.wrong_type", "{baton: 1, name: §2024, nodes: {a: {run: x}}}",
     "'name' must be text, not a number", "write \"2024\", in quotes"},
    {"node_twice", "input.duplicate", "baton: 1\nnodes:\n  a: {run: x}\n  b: {run: x}\n  §a: {run: x}\n", "'a' is given twice",
     "the first is in line 3, column 3"},
    {"bad_node_id", "input.bad_id", "{baton: 1, nodes: {§1a: {run: x}}}", "'1a' cannot be the name of a node",
     "a letter or _, then letters, digits, _ . and -, at most 100 in all"},
    {"bad_port_id", "input.bad_id", "{baton: 1, nodes: {a: {run: x, inputs: {§\"a b\": 1}}}}",
     "'a b' cannot be the name of a port", "a letter or _, then letters, digits, _ . and -, at most 100 in all"},
    {"control_characters_in_an_id", "input.bad_id", "{baton: 1, nodes: {§\"\\e[31m\": {run: x}}}",
     "'\\x1B[31m' cannot be the name of a node", "a letter or _, then letters, digits, _ . and -, at most 100 in all"},
    {"bad_param_id", "input.bad_id", "{baton: 1, params: {§-x: 1}, nodes: {a: {run: x}}}",
     "'-x' cannot be the name of a parameter", "a letter or _, then letters, digits, _ . and -, at most 100 in all"},
    {"node_that_is_text", "input.wrong_type", "{baton: 1, nodes: {a: §echo}}",
     "'a' must be an object with the field 'run', not text", ""},
    {"node_without_run", "input.missing_field", "{baton: 1, nodes: {§a: {label: x}}}", "the node 'a' has no 'run'",
     "to do nothing, write run: \"true\""},
};
INSTANTIATE_TEST_SUITE_P(Fields, BadPipeline, testing::ValuesIn(of_fields), name_of);

// ---- what is run, and its limits ----------------------------------------------------------------------------------
const Bad of_steps[] = {
    {"run_is_a_boolean", "input.wrong_type", "{baton: 1, nodes: {a: {run: §true}}}", "'run' of 'a' must be text, not a boolean",
     "write \"true\", in quotes"},
    {"run_is_an_object", "input.wrong_type", "{baton: 1, nodes: {a: {run: §{sh: x}}}}",
     "'run' of 'a' must be a text or a list of words, not an object", ""},
    {"run_is_empty", "input.bad_value", "{baton: 1, nodes: {a: {run: §''}}}", "'run' of 'a' is empty", ""},
    {"run_without_words", "input.bad_value", "{baton: 1, nodes: {a: {run: §[]}}}", "'run' of 'a' names no program",
     "to do nothing, write run: \"true\""},
    {"a_word_that_is_a_list", "input.wrong_type", "{baton: 1, nodes: {a: {run: [sh, §[x]]}}}",
     "'run' of 'a' must be text, not a list", ""},
    {"a_word_that_is_nothing", "input.wrong_type", "{baton: 1, nodes: {a: {run: [sh, §~]}}}",
     "'run' of 'a' must be text, not nothing", "for an empty text write \"\""},
    {"cache_in_words", "input.wrong_type", "{baton: 1, nodes: {a: {run: x, cache: §yes}}}",
     "'cache' of 'a' must be true or false, not text", ""},
    {"env_of_batons_own", "input.bad_id", "{baton: 1, nodes: {a: {run: x, env: {§BATON_RUN: 1}}}}",
     "'BATON_RUN' is set by Baton itself", "take another name"},
    {"env_with_an_equals_sign", "input.bad_id", "{baton: 1, nodes: {a: {run: x, env: {§A=B: 1}}}}",
     "'A=B' cannot be the name of an environment variable", ""},
    {"env_that_is_a_list", "input.wrong_type", "{baton: 1, nodes: {a: {run: x, env: §[A]}}}",
     "'env' of 'a' must be an object of variables, not a list", ""},
    {"timeout_without_unit", "input.wrong_type", "{baton: 1, nodes: {a: {run: x, timeout: §10}}}",
     "'timeout' of 'a' must be a duration, not a number", "a number needs a unit: 10s"},
    {"timeout_of_another_unit", "input.wrong_type", "{baton: 1, defaults: {timeout: §10min}, nodes: {a: {run: x}}}",
     "'timeout' of 'defaults' must be a duration, not text", "a duration is a number and one of ms s m h d, as 10m"},
    {"timeout_of_nothing", "input.out_of_range", "{baton: 1, nodes: {a: {run: x, timeout: §0s}}}",
     "'timeout' of 'a' is no time at all", "leave it out for no limit"},
    {"timeout_below_zero", "input.out_of_range", "{baton: 1, nodes: {a: {run: x, timeout: {silence: §-1s}}}}",
     "'silence' of 'a' must be from 0s to 3650d, not -1s", ""},
    {"timeout_of_ages", "input.out_of_range", "{baton: 1, nodes: {a: {run: x, timeout: §1e300d}}}",
     "'timeout' of 'a' must be from 0s to 3650d, not 1e300d", ""},
    {"unknown_limit", "input.unknown_field", "{baton: 1, nodes: {a: {run: x, timeout: {§wait: 1s}}}}",
     "'timeout' of 'a' has no field 'wait'", "its fields: run, silence, waiting, grace"},
    {"retries_as_a_number", "input.wrong_type", "{baton: 1, nodes: {a: {run: x, retries: §2}}}",
     "'retries' of 'a' must be an object, not a number", "write {max: 2}"},
    {"retries_of_a_fraction", "input.wrong_type", "{baton: 1, nodes: {a: {run: x, retries: {max: §1.5}}}}",
     "'max' of 'a' must be a whole number, not a number", ""},
    {"retries_below_zero", "input.out_of_range", "{baton: 1, nodes: {a: {run: x, retries: {lost: §-1}}}}",
     "'lost' of 'a' must be from 0 to 1000000, not -1", ""},
    {"retries_on_something_else", "input.bad_value", "{baton: 1, nodes: {a: {run: x, retries: {on: [exit, §timout]}}}}",
     "'on' of 'a' names 'timout', which is no kind of failure", "the kinds are: exit, timeout, oom; did you mean 'timeout'?"},
    {"unknown_field_of_retries", "input.unknown_field", "{baton: 1, nodes: {a: {run: x, retries: {§backof: 1s}}}}",
     "'retries' of 'a' has no field 'backof'", "its fields: max, backoff, on, lost; did you mean 'backoff'?"},
    {"cpu_in_words", "input.wrong_type", "{baton: 1, nodes: {a: {run: x, resources: {cpu: §two}}}}",
     "'cpu' of 'a' must be a number, not text", ""},
    {"gpu_below_zero", "input.out_of_range", "{baton: 1, nodes: {a: {run: x, resources: {gpu: §-1}}}}",
     "'gpu' of 'a' must be from 0 to 2^53, not -1", ""},
    {"ram_of_another_unit", "input.wrong_type", "{baton: 1, nodes: {a: {run: x, resources: {ram: §1TB}}}}",
     "'ram' of 'a' must be a size, not text", "a size is a number and one of B kB MB GB KiB MiB GiB, as 512MiB"},
    {"ram_beyond_all", "input.out_of_range", "{baton: 1, nodes: {a: {run: x, resources: {ram: §1e9GiB}}}}",
     "'ram' of 'a' must be from 0 to 2^53 bytes, not 1e9GiB", ""},
    {"bad_resource_id", "input.bad_id", "{baton: 1, nodes: {a: {run: x, resources: {§a/b: 1}}}}",
     "'a/b' cannot be the name of a resource", "a letter or _, then letters, digits, _ . and -, at most 100 in all"},
    {"files_as_text", "input.wrong_type", "{baton: 1, nodes: {a: {run: x, files: §a.py}}}",
     "'files' of 'a' must be a list of paths, not text", ""},
    {"two_files_of_one_name", "input.duplicate", "{baton: 1, nodes: {a: {run: x, files: [a/f.py, §b/f.py]}}}",
     "two of the files of 'a' are copied under the name 'f.py'", ""},
    {"a_file_without_a_name", "input.bad_value", "{baton: 1, nodes: {a: {run: x, files: [§..]}}}",
     "'..' has no name to copy it under", ""},
};
INSTANTIATE_TEST_SUITE_P(Steps, BadPipeline, testing::ValuesIn(of_steps), name_of);

// ---- ports --------------------------------------------------------------------------------------------------------
const Bad of_ports[] = {
    {"empty_input", "input.wrong_type", "{baton: 1, nodes: {a: {run: x, inputs: {i: §~}}}}", "the input 'i' of 'a' is empty",
     "an input is a value, or {file: PATH}, {dir: PATH}, {from: node.port} or {param: NAME}"},
    {"input_of_two_kinds", "input.bad_value", "{baton: 1, nodes: {a: {run: x, inputs: {i: {file: f, §dir: d}}}}}",
     "the input 'i' of 'a' is both 'file' and 'dir'", "give one of them"},
    {"unknown_field_of_an_input", "input.unknown_field", "{baton: 1, nodes: {a: {run: x, inputs: {i: {file: f, §digst: stat}}}}}",
     "the input 'i' of 'a' has no field 'digst'", "its fields: file, digest; did you mean 'digest'?"},
    {"digest_of_a_link", "input.unknown_field", "{baton: 1, nodes: {a: {run: x, inputs: {i: {from: b.o, §digest: stat}}}}}",
     "the input 'i' of 'a' has no field 'digest'", "its fields: from"},
    {"digest_of_another_kind", "input.bad_value", "{baton: 1, nodes: {a: {run: x, inputs: {i: {file: f, digest: §md5}}}}}",
     "'digest' of 'a' can only be 'stat'", "leave it out to compare the content"},
    {"a_link_mistyped", "input.unknown_field", "{baton: 1, nodes: {a: {run: x, inputs: {i: {§form: b.o}}}}}",
     "the input 'i' of 'a' has no field 'form'", "its fields: from; did you mean 'from'?"},
    {"a_param_mistyped", "input.unknown_field", "{baton: 1, params: {p: 1}, nodes: {a: {run: x, inputs: {i: {§parm: p}}}}}",
     "the input 'i' of 'a' has no field 'parm'", "its fields: param; did you mean 'param'?"},
    {"empty_path", "input.bad_value", "{baton: 1, nodes: {a: {run: x, inputs: {i: {file: §''}}}}}", "'i' of 'a' is empty", ""},
    {"path_with_a_reference", "input.bad_value",
     "{baton: 1, nodes: {a: {run: x, foreach: {s: [1]}, inputs: {i: {file: \"data/§${foreach.s}.fq\"}}}}}",
     "nothing is replaced in a path, but 'i' of 'a' holds '${foreach.s}'",
     "'${…}' is for 'run', 'env' and the brackets of 'from' and 'after'"},
    {"unknown_param", "input.unknown_param",
     "{baton: 1, params: {ploidy: 2}, nodes: {a: {run: x, inputs: {i: {param: §ploidi}}}}}",
     "'a' uses the parameter 'ploidi', which is not in 'params'", "the parameters are: ploidy; did you mean 'ploidy'?"},
    {"output_that_is_a_literal", "input.wrong_type", "{baton: 1, nodes: {a: {run: x, outputs: {o: §5}}}}",
     "'o' of 'a' must be {file: NAME}, {dir: NAME} or {value: TYPE}, not a number", ""},
    {"output_of_an_unknown_kind", "input.unknown_field", "{baton: 1, nodes: {a: {run: x, outputs: {o: {§flie: f}}}}}",
     "the output 'o' of 'a' has no field 'flie'", "its fields: file, dir, value; did you mean 'file'?"},
    {"output_of_an_unknown_type", "input.bad_value", "{baton: 1, nodes: {a: {run: x, outputs: {o: {value: §int}}}}}",
     "'o' of 'a' has the type 'int', which is none", "the types are: number, integer, string, boolean, json"},
    {"absolute_output", "input.outside_work_dir", "{baton: 1, nodes: {a: {run: x, outputs: {o: {file: §/tmp/x}}}}}",
     "'o' of 'a' is '/tmp/x', which does not lie in the work directory",
     "write a name, as table.tsv: it is published to baton-out/ from there"},
    {"output_that_climbs", "input.outside_work_dir", "{baton: 1, nodes: {a: {run: x, outputs: {o: {dir: §a/../../b}}}}}",
     "'o' of 'a' is 'a/../../b', which does not lie in the work directory",
     "write a name, as table.tsv: it is published to baton-out/ from there"},
    {"output_that_is_the_work_directory", "input.outside_work_dir", "{baton: 1, nodes: {a: {run: x, outputs: {o: {dir: §.}}}}}",
     "'o' of 'a' is '.', which does not lie in the work directory",
     "write a name, as table.tsv: it is published to baton-out/ from there"},
    {"two_outputs_of_one_name", "input.duplicate", "{baton: 1, nodes: {a: {run: x, outputs: {o: {file: f}, p: {file: §./f}}}}}",
     "the output 'p' of 'a' has the same name as 'o'", "give each output a name of its own"},
    {"an_output_in_another", "input.duplicate", "{baton: 1, nodes: {a: {run: x, outputs: {o: {file: §d/x/f}, p: {dir: d}}}}}",
     "the output 'o' of 'a' lies in 'p'", "give each output a name of its own"},
    {"an_output_over_a_file", "input.duplicate", "{baton: 1, nodes: {a: {run: x, files: [lib/f], outputs: {o: {file: §f}}}}}",
     "the output 'o' of 'a' would overwrite the copy of '/home/ada/work/lib/f'", "give each output a name of its own"},
    {"number_beyond_64_bits", "input.out_of_range", "{baton: 1, nodes: {a: {run: x, inputs: {i: [1, §18446744073709551616]}}}}",
     "the integer '18446744073709551616' needs more than 64 bits", "write it in quotes, as text"},
    {"number_without_a_finite_value", "input.out_of_range", "{baton: 1, nodes: {a: {run: x, inputs: {i: §1e999}}}}",
     "the number '1e999' has no finite value", "write it in quotes, as text"},
    {"infinity", "input.out_of_range", "{baton: 1, params: {p: §-.inf}, nodes: {a: {run: x}}}",
     "the number '-.inf' has no finite value", "write it in quotes, as text"},
    {"number_with_a_leading_zero", "input.bad_value", "{baton: 1, nodes: {a: {run: x, foreach: {i: [§01, 02]}}}}",
     "the number '01' begins with a zero", "write it in quotes, as text, or without the zero"},
};
INSTANTIATE_TEST_SUITE_P(Ports, BadPipeline, testing::ValuesIn(of_ports), name_of);

// ---- foreach and links --------------------------------------------------------------------------------------------
const Bad of_links[] = {
    {"foreach_over_text", "input.wrong_type", "{baton: 1, nodes: {a: {run: x, foreach: {i: §abc}}}}",
     "'i' of 'a' must be a list, {param: NAME} or {range: [first, last, step]}, not text", ""},
    {"foreach_without_variables", "input.bad_value", "{baton: 1, nodes: {a: {run: x, foreach: §{}}}}",
     "'foreach' of 'a' has no variable", "leave it out"},
    {"foreach_over_no_list", "input.wrong_type", "{baton: 1, params: {p: 5}, nodes: {a: {run: x, foreach: {i: {param: §p}}}}}",
     "'i' of 'a' runs over the parameter 'p', which is not a list", "p is 5"},
    {"foreach_over_an_unknown_param", "input.unknown_param",
     "{baton: 1, params: {seeds: [1]}, nodes: {a: {run: x, foreach: {i: {param: §seed}}}}}",
     "'i' of 'a' uses the parameter 'seed', which is not in 'params'", "the parameters are: seeds; did you mean 'seeds'?"},
    {"foreach_of_an_unknown_kind", "input.unknown_field", "{baton: 1, nodes: {a: {run: x, foreach: {i: {§rnage: [1, 2]}}}}}",
     "'i' of 'a' has no field 'rnage'", "its fields: param, range; did you mean 'range'?"},
    {"foreach_of_both_kinds", "input.bad_value",
     "{baton: 1, params: {p: [1]}, nodes: {a: {run: x, foreach: {i: §{param: p, range: [1, 2]}}}}}",
     "'i' of 'a' must have either 'param' or 'range'", ""},
    {"value_twice", "input.duplicate", "{baton: 1, nodes: {a: {run: x, foreach: {i: [a, b, §a]}}}}",
     "'i' of 'a' has the value 'a' twice", "each value names a task"},
    {"values_written_alike", "input.duplicate", "{baton: 1, nodes: {a: {run: x, foreach: {i: [1, §\"1\"]}}}}",
     "'i' of 'a' has the value '1' twice", "each value names a task"},
    {"value_with_a_line_break", "input.bad_value", "{baton: 1, nodes: {a: {run: x, foreach: {i: [§\"a\\nb\"]}}}}",
     "the value 'a\\x0Ab' of 'i' of 'a' holds a control character", "it becomes part of a name"},
    {"tasks_called_alike", "input.duplicate", "{baton: 1, nodes: {a: {run: x, foreach: {§i: [\"x,y\", x], j: [\"y,z\", z]}}}}",
     "two tasks of 'a' are both called 'a[x,y,z]'", "its values hold commas: leave them out of all variables but one"},
    {"range_of_one", "input.wrong_type", "{baton: 1, nodes: {a: {run: x, foreach: {i: {range: §[1]}}}}}",
     "'i' of 'a' must be a range [first, last, step], not a list", ""},
    {"range_of_words", "input.wrong_type", "{baton: 1, nodes: {a: {run: x, foreach: {i: {range: [1, §ten]}}}}}",
     "'i' of 'a' must be a range of numbers with at most 15 digits, not text", ""},
    {"range_without_a_step", "input.out_of_range", "{baton: 1, nodes: {a: {run: x, foreach: {i: {range: §[1, 2, 0]}}}}}",
     "the range of 'i' of 'a' has the step 0", "it would never end"},
    {"range_without_an_end", "input.too_many_tasks",
     "{baton: 1, nodes: {a: {run: x, foreach: {i: {range: §[1, 999999999999]}}}}}", "'i' of 'a' has more than 100000 values", ""},
    {"unknown_node", "input.unknown_node", "{baton: 1, nodes: {reads: {run: x}, a: {run: x, inputs: {i: {from: §raeds.r1}}}}}",
     "'a' reads 'raeds.r1', but there is no node 'raeds'", "the nodes are: reads, a; did you mean 'reads'?"},
    {"unknown_node_with_brackets", "input.unknown_node",
     "{baton: 1, nodes: {reads: {run: x}, a: {run: x, inputs: {i: {from: §\"read[*].r1\"}}}}}",
     "'a' reads 'read[*].r1', but there is no node 'read'", "the nodes are: reads, a; did you mean 'reads'?"},
    {"unknown_port", "input.unknown_port",
     "baton: 1\nnodes:\n  reads: {run: x, outputs: {r1: {file: a}, r2: {file: b}}}\n  align:\n    run: x\n    inputs:\n"
     "      r1: { from: §reads.r3 }\n",
     "'align' reads 'reads.r3', but 'reads' has no output 'r3'", "'reads' gives: r1, r2; did you mean 'r1'?"},
    {"port_of_a_node_without", "input.unknown_port", "{baton: 1, nodes: {b: {run: x}, a: {run: x, inputs: {i: {from: §b.o}}}}}",
     "'a' reads 'b.o', but 'b' has no output 'o'", "'b' has no outputs"},
    {"link_without_a_port", "input.unknown_port",
     "{baton: 1, nodes: {b: {run: x, outputs: {o: {file: f}}}, a: {run: x, inputs: {i: {from: §b}}}}}",
     "'a' reads 'b' without saying which output", "'b' gives: o"},
    {"brackets_without_a_port", "input.unknown_port",
     "{baton: 1, nodes: {b: {run: x, foreach: {s: [1]}, outputs: {o: {file: f}}}, a: {run: x, inputs: {i: {from: §\"b[*]\"}}}}}",
     "'a' reads 'b[*]' without saying which output", "'b' gives: o"},
    {"brackets_without_an_end", "input.bad_value", "{baton: 1, nodes: {a: {run: x, inputs: {i: {from: §\"b[*.o\"}}}}}",
     "'i' of 'a' is 'b[*.o', which is no link", "write node.port, node[*].port, node[value].port or node[${foreach.x}].port"},
    {"brackets_of_one_task", "input.which_task",
     "{baton: 1, nodes: {b: {run: x, outputs: {o: {file: f}}}, a: {run: x, inputs: {i: {from: §\"b[*].o\"}}}}}",
     "'a' reads 'b[*].o', but 'b' is one task: it has no 'foreach'", "write b.o"},
    {"many_tasks_unsaid", "input.which_task",
     "{baton: 1, nodes: {b: {run: x, foreach: {s: [1]}, outputs: {o: {file: f}}}, a: {run: x, inputs: {i: {from: §b.o}}}}}",
     "'a' reads 'b.o', but 'b' is a task for each 's', and 'a' has no such variable", "write b[*].o for all of them, as a list"},
    {"too_few_brackets", "input.which_task",
     "{baton: 1, nodes: {b: {run: x, foreach: {s: [1], t: [2]}, outputs: {o: {file: f}}}, a: {run: x, inputs: {i: {from: "
     "§\"b[1].o\"}}}}}",
     "'a' reads 'b[1].o', but 'b' has 2 variables", "its variables are, in order: s, t"},
    {"unknown_value", "input.which_task",
     "{baton: 1, nodes: {b: {run: x, foreach: {s: [north, south]}, outputs: {o: {file: f}}}, a: {run: x, inputs: {i: {from: "
     "§\"b[nroth].o\"}}}}}",
     "'a' reads 'b[nroth].o', but 's' of 'b' has no value 'nroth'", "its values are: north, south; did you mean 'north'?"},
    {"unknown_variable", "input.unknown_variable",
     "{baton: 1, nodes: {b: {run: x, foreach: {s: [1]}, outputs: {o: {file: f}}}, a: {run: x, foreach: {seed: [1]}, inputs: {i: "
     "{from: "
     "\"b[§${foreach.sed}].o\"}}}}}",
     "'a' reads 'b[${foreach.sed}].o', but 'a' has no variable 'sed'", "its variables are: seed; did you mean 'seed'?"},
    {"other_values_of_one_variable", "input.foreach_mismatch",
     "{baton: 1, nodes: {b: {run: x, foreach: {s: [1, 2]}, outputs: {o: {file: f}}}, a: {run: x, foreach: {s: [1, 3]}, inputs: "
     "{i: {from: §b.o}}}}}",
     "'a' reads 'b.o' by the variable 's', but the two have different values of it", "'b' has 1, 2; 'a' has 1, 3"},
    {"fewer_values_of_one_variable", "input.foreach_mismatch",
     "{baton: 1, nodes: {b: {run: x, foreach: {s: [1, 2]}, outputs: {o: {file: f}}}, a: {run: x, foreach: {s: [1]}, inputs: {i: "
     "{from: "
     "§\"b[${foreach.s}].o\"}}}}}",
     "'a' reads 'b[${foreach.s}].o' by the variable 's', but the two have different values of it", "'b' has 1, 2; 'a' has 1"},
    {"other_values_after", "input.foreach_mismatch",
     "{baton: 1, nodes: {b: {run: x, foreach: {s: [1, 2]}}, a: {run: x, foreach: {s: [3]}, after: [§b]}}}",
     "'a' reads 'b' by the variable 's', but the two have different values of it", "'b' has 1, 2; 'a' has 3"},
    {"a_value_that_the_other_lacks", "input.which_task",
     "{baton: 1, nodes: {b: {run: x, foreach: {s: [1, 2]}, outputs: {o: {file: f}}}, a: {run: x, foreach: {t: [3]}, inputs: {i: "
     "{from: "
     "§\"b[${foreach.t}].o\"}}}}}",
     "'a' reads 'b[${foreach.t}].o', but 's' of 'b' has no value '3'", "its values are: 1, 2"},
    {"gather_of_nothing", "input.gather_of_nothing",
     "{baton: 1, params: {p: []}, nodes: {b: {run: x, foreach: {s: {param: p}}, outputs: {o: {file: f}}}, a: {run: x, inputs: "
     "{i: {from: "
     "§\"b[*].o\"}}}}}",
     "'a' reads 'b[*].o', but 'b' has no task: 's' has no values", "give 's' a value, or leave the input out"},
    {"a_link_of_two_meanings", "input.bad_value",
     "{baton: 1, nodes: {b: {run: x, outputs: {c.d: {file: f}}}, b.c: {run: x, outputs: {d: {file: f}}}, a: {run: x, inputs: {i: "
     "{from: "
     "§b.c.d}}}}}",
     "'a' reads 'b.c.d', which can be read in two ways", "rename a node or a port: their dots collide"},
    {"after_as_text", "input.wrong_type", "{baton: 1, nodes: {b: {run: x}, a: {run: x, after: §b}}}",
     "'after' of 'a' must be a list of nodes, not text", "write [b]"},
    {"after_an_unknown_node", "input.unknown_node", "{baton: 1, nodes: {qc: {run: x}, a: {run: x, after: [§qd]}}}",
     "'a' reads 'qd', but there is no node 'qd'", "the nodes are: qc, a; did you mean 'qc'?"},
    {"after_a_port", "input.bad_value", "{baton: 1, nodes: {b: {run: x, foreach: {s: [1]}}, a: {run: x, after: [§\"b[*].o\"]}}}",
     "'a' reads 'b[*].o', but order is between nodes, not ports", "write b[*]"},
    {"a_circle_of_three", "input.cycle",
     "baton: 1\nnodes:\n  z: {run: x, after: [a]}\n  a: {run: x, after: [§c], outputs: {o: {file: f}}}\n  b: {run: x, inputs: "
     "{i: {from: a.o}}}\n"
     "  c: {run: x, after: [b]}\n",
     "the nodes wait for each other in a circle: a -> b -> c -> a",
     "an arrow leads to the node that reads; take one of them away"},
    {"a_circle_of_tasks", "input.cycle",
     "baton: 1\nnodes:\n  a: {run: x, foreach: {s: [p, q]}, inputs: {i: {from: §b.o}}, outputs: {o: {file: f}}}\n"
     "  b: {run: x, foreach: {s: [p, q]}, inputs: {i: {from: a.o}}, outputs: {o: {file: f}}}\n",
     "the nodes wait for each other in a circle: a[p] -> b[p] -> a[p]",
     "an arrow leads to the node that reads; take one of them away"},
    {"a_node_that_reads_itself", "input.cycle",
     "{baton: 1, nodes: {a: {run: x, outputs: {o: {file: f}}, inputs: {i: {from: §a.o}}}}}",
     "the nodes wait for each other in a circle: a -> a", "an arrow leads to the node that reads; take one of them away"},
    {"too_many_tasks", "input.too_many_tasks",
     "{baton: 1, nodes: {a: {run: x, foreach: {i: {range: [1, 1000]}, j: {range: [1, 100]}}}, §b: {run: x}}}",
     "with 'b' the pipeline has more than 100000 tasks", "split it, or let a task do more than one thing"},
    {"too_many_links", "input.too_many_edges",
     "{baton: 1, nodes: {a: {run: x, foreach: {i: {range: [1, 2000]}}, outputs: {o: {file: f}}}, b: {run: x, foreach: {j: "
     "{range: [1, "
     "1001]}}, inputs: {i: {from: §\"a[*].o\"}}}}}",
     "with this link the pipeline has more than 2000000 links between tasks", "gather in one node, and let the others read that"},
};
INSTANTIATE_TEST_SUITE_P(Links, BadPipeline, testing::ValuesIn(of_links), name_of);

// ---- references in run and env ------------------------------------------------------------------------------------
const Bad of_references[] = {
    {"unknown_input", "input.unknown_port",
     "baton: 1\nnodes:\n  a:\n    inputs: {text: 1}\n    run: |\n      cat $HOME\n      cat §${inputs.txt}\n",
     "'a' uses '${inputs.txt}', but has no input 'txt'", "its inputs are: text; did you mean 'text'?"},
    {"unknown_output", "input.unknown_port", "{baton: 1, nodes: {a: {run: [sh, \"§${outputs.o}\"]}}}",
     "'a' uses '${outputs.o}', but has no output 'o'", ""},
    {"value_output", "input.bad_value",
     "{baton: 1, nodes: {a: {outputs: {n: {value: number}}, run: \"echo 1 > §${outputs.n}\"}}}",
     "'a' uses '${outputs.n}', but that output is a value, not a file",
     "write it, as JSON, into the file that BATON_OUTPUTS names"},
    {"unknown_param_in_run", "input.unknown_param", "{baton: 1, params: {p: 1}, nodes: {a: {run: \"echo §${params.q}\"}}}",
     "'a' uses the parameter 'q', which is not in 'params'", "the parameters are: p"},
    {"unknown_variable_in_env", "input.unknown_variable", "{baton: 1, nodes: {a: {run: x, env: {A: \"x§${foreach.s}\"}}}}",
     "'a' uses '${foreach.s}', but has no variable 's'", ""},
    {"unknown_resource", "input.unknown_resource",
     "{baton: 1, nodes: {a: {run: \"echo §${resources.gpus}\", resources: {gpu: 1}}}}",
     "'a' uses '${resources.gpus}', but has no resource 'gpus'", "its resources are: cpu, gpu; did you mean 'gpu'?"},
    {"unknown_input_in_the_env_of_defaults", "input.unknown_port",
     "baton: 1\ndefaults: {env: {A: \"§${inputs.i}\"}}\nnodes:\n  a: {run: x, inputs: {i: 1}}\n  b: {run: x}\n",
     "'b' uses '${inputs.i}', but has no input 'i'", ""},
};
INSTANTIATE_TEST_SUITE_P(References, BadPipeline, testing::ValuesIn(of_references), name_of);

TEST(BadSetting, an_unknown_name_is_refused_with_the_nearest) {
  const auto project = try_parse("{baton: 1, params: {ploidy: 2}, nodes: {a: {run: x}}}", {{"ploidi", "1"}});

  ASSERT_FALSE(project.has_value());
  EXPECT_EQ(project.error(), (Error{"input.unknown_param", "there is no parameter 'ploidi' to set", "--set ploidi",
                                    "the parameters are: ploidy; did you mean 'ploidy'?"}));
}

TEST(BadSetting, a_value_that_is_not_yaml_is_refused) {
  const auto project = try_parse("{baton: 1, params: {p: 2}, nodes: {a: {run: x}}}", {{"p", "[1, 2"}});

  ASSERT_FALSE(project.has_value());
  EXPECT_EQ(project.error().code, "input.yaml");
  EXPECT_EQ(project.error().where, "--set p");
}

TEST(BadSetting, a_value_out_of_range_is_refused) {
  const auto project = try_parse("{baton: 1, params: {p: 2}, nodes: {a: {run: x}}}", {{"p", "1e999"}});

  ASSERT_FALSE(project.has_value());
  EXPECT_EQ(project.error().code, "input.out_of_range");
  EXPECT_EQ(project.error().where, "--set p");
}

TEST(BadSize, a_large_value_for_many_tasks_is_refused) {
  const auto text = "{baton: 1, params: {p: " + std::string(10'000, 'x') +
                    "}, nodes: {a: {run: x, foreach: {i: {range: [1, 100000]}}, inputs: {i: {param: p}}}}}";

  const auto project = try_parse(text);

  ASSERT_FALSE(project.has_value());
  EXPECT_EQ(project.error().code, "input.too_big");
  EXPECT_EQ(project.error().what, "with 'a' what the tasks are given is more than 256 MiB");
}

TEST(BadSize, large_defaults_for_many_nodes_are_refused) {
  std::string text = "{baton: 1, defaults: {env: {A: " + std::string(100'000, 'x') + "}}, nodes: {";
  for (int i = 0; i < 5000; ++i) text += "n" + std::to_string(i) + ": {run: x}, ";

  const auto project = try_parse(text + "}}");

  ASSERT_FALSE(project.has_value());
  EXPECT_EQ(project.error().what, "'defaults' is too large for so many nodes");
}

TEST(BadSize, ports_without_end_are_refused) {
  std::string text = "{baton: 1, nodes: {a: {run: x, inputs: {";
  for (int i = 0; i < 1001; ++i) text += "p" + std::to_string(i) + ": 1, ";

  const auto project = try_parse(text + "}}}}");

  ASSERT_FALSE(project.has_value());
  EXPECT_EQ(project.error().what, "'inputs' of 'a' has more than 1000 entries");
}

}  // namespace
}  // namespace baton
