// What the reference says of a run, and what Baton makes of it.
#include "store/postgres/reference_run.hpp"

#include <gtest/gtest.h>

#include "core/key.hpp"
#include "store/codec/codec.hpp"

namespace baton::store {
namespace {

using core::OutputKind;

// A step of ours; `more` are members of its image.
std::string step_image(const std::string& command, const std::string& more = "") {
  return R"({"name":"simcore/services/comp/baton/step","tag":"1.0.0","command":)" + command + more + "}";
}
ReferenceRow row(std::string node, std::string inputs = "{}", std::string outputs = R"({"out":{"type":"number"}})") {
  return {.node = std::move(node),
          .image = step_image(R"(["true"])"),
          .schema = R"({"inputs":{},"outputs":)" + outputs + "}",
          .inputs = std::move(inputs),
          .outputs = std::nullopt,
          .success = std::nullopt};
}
std::vector<core::TaskDefinition> adopted(const ReferenceRun& run) {
  auto tasks = tasks_of(run);
  if (!tasks) ADD_FAILURE() << tasks.error().what;
  return tasks ? *tasks : std::vector<core::TaskDefinition>{};
}
core::TaskDefinition alone(const ReferenceRow& node) {
  auto tasks = adopted({.dag = R"({")" + node.node + R"(":[]})", .nodes = {node}});
  return tasks.empty() ? core::TaskDefinition{} : tasks.front();
}
std::string why_not(const ReferenceRow& node) {
  const auto task = alone(node);
  if (!task.node.step || !task.node.step->command.words.empty()) return "it runs";
  return task.node.step->description;
}
std::string refused(const ReferenceRun& run) {
  const auto tasks = tasks_of(run);
  if (tasks) return "it is adopted";
  EXPECT_EQ(tasks.error().code, "run.not_adopted");
  return tasks.error().what;
}

// ---- the graph ------------------------------------------------------------------------------------------------------------
TEST(ReferenceRun, tasks_stand_in_the_order_of_the_dag) {
  const auto tasks =
      adopted({.dag = R"({"c":["a"],"a":[],"b":["d"]})", .nodes = {row("a"), row("b"), row("c"), row("d"), row("x")}});

  std::vector<std::string> names;
  for (const auto& task : tasks) names.push_back(task.node.id.value());
  EXPECT_EQ(names, (std::vector<std::string>{"c", "a", "b", "d"}));
}

TEST(ReferenceRun, an_edge_that_is_no_link_is_order_alone) {
  const auto tasks = adopted({.dag = R"({"a":["b","c"],"b":["c","c"],"c":[]})",
                              .nodes = {row("a"), row("b"), row("c", R"({"i":{"nodeUuid":"a","output":"out"}})")}});

  EXPECT_EQ(tasks[1].node.after, (std::vector<Index>{0}));
  EXPECT_EQ(tasks[2].node.after, (std::vector<Index>{1}));
  EXPECT_EQ(core::predecessors(tasks[2].node), (std::vector<Index>{0, 1}));
}

TEST(ReferenceRun, of_several_rows_of_a_node_the_first_counts) {
  auto own = row("a"), of_project = row("a");
  own.image = step_image(R"(["own"])");

  EXPECT_EQ(adopted({.dag = R"({"a":[]})", .nodes = {own, of_project}})[0].node.step->command.words,
            (std::vector<std::string>{"own"}));
}

TEST(ReferenceRun, a_run_that_cannot_be_is_refused_with_its_reason) {
  auto no_image = row("a"), bad_schema = row("a"), bad_inputs = row("a");
  no_image.image.reset();
  bad_schema.schema = R"({"outputs":[]})";
  bad_inputs.inputs = "[1]";
  const std::string one = R"({"a":[]})";
  struct Case {
    ReferenceRun run;
    std::string why;
  };
  for (const auto& [run, why] : std::vector<Case>{
           {{.dag = "{}", .nodes = {}}, "it has no node"},
           {{.dag = "", .nodes = {}}, "it has no node"},
           {{.dag = "[]", .nodes = {}}, "its DAG is not an object of lists of nodes"},
           {{.dag = R"({"a":"b"})", .nodes = {row("a")}}, "its DAG is not an object of lists of nodes"},
           {{.dag = R"({"":[]})", .nodes = {row("")}}, "its DAG has a node without a name"},
           {{.dag = one, .nodes = {row("b")}}, "node 'a' of its DAG has no row"},
           {{.dag = R"({"a":["b"]})", .nodes = {row("a")}}, "node 'b' of its DAG has no row"},
           {{.dag = R"({"a":["b"],"b":["a"]})", .nodes = {row("a"), row("b")}}, "its nodes wait for each other: a, b"},
           {{.dag = R"({"a":["a"]})", .nodes = {row("a")}}, "its nodes wait for each other: a"},
           {{.dag = R"({"a":["b"],"b":[]})", .nodes = {row("a", R"({"i":{"nodeUuid":"b","output":"out"}})"), row("b")}},
            "its nodes wait for each other: a, b"},
           {{.dag = one, .nodes = {no_image}}, "the image of node 'a' is not an object"},
           {{.dag = one, .nodes = {bad_schema}}, "the outputs in the schema of node 'a' are not an object"},
           {{.dag = one, .nodes = {bad_inputs}}, "the inputs of node 'a' are not an object"},
       })
    EXPECT_EQ(refused(run), "the run cannot be adopted: " + why) << run.dag;
}

// ---- what is run ------------------------------------------------------------------------------------------------------------
TEST(ReferenceRun, the_image_says_what_is_run) {
  auto node = row("a");
  node.image = step_image(R"(["sh","-c","echo ${inputs.x} \u00e4"])",
                          R"(,"envs":{"MODE":"fast","N":2},"node_requirements":{"CPU":0.5,"RAM":1024,"GPU":1,"VRAM":null})");
  node.inputs = R"({"x":1})";

  const auto task = alone(node);

  const auto& step = *task.node.step;
  EXPECT_EQ(task.node.id, NodeId("a"));
  EXPECT_EQ(step.name, "a");
  EXPECT_FALSE(step.command.shell);
  EXPECT_EQ(step.command.words, (std::vector<std::string>{"sh", "-c", "echo ${inputs.x} ä"}));
  EXPECT_EQ(step.env, (std::map<std::string, std::string>{{"MODE", "fast"}, {"N", "2"}}));
  EXPECT_EQ(step.resources, (core::Resources{{"cpu", 0.5}, {"ram", 1024}, {"gpu", 1}}));
  EXPECT_EQ(step.image, "");
}

TEST(ReferenceRun, requirements_that_are_not_there_are_those_of_the_reference) {
  auto plain = row("a"), gpu = row("a"), no_gpu = row("a");
  gpu.image = step_image(R"(["true"])", R"(,"requires_gpu":true)");
  no_gpu.image = step_image(R"(["true"])", R"(,"requires_gpu":true,"node_requirements":{"CPU":2,"RAM":5,"GPU":0})");

  EXPECT_EQ(alone(plain).node.step->resources, (core::Resources{{"cpu", 1}, {"ram", 134217728}}));
  EXPECT_EQ(alone(gpu).node.step->resources, (core::Resources{{"cpu", 1}, {"ram", 134217728}, {"gpu", 1}}));
  EXPECT_EQ(alone(no_gpu).node.step->resources, (core::Resources{{"cpu", 2}, {"ram", 5}}));
}

TEST(ReferenceRun, outputs_are_those_of_the_schema) {
  const auto task = alone(row("a", "{}",
                              R"({"n":{"type":"number"},"i":{"type":"integer"},"b":{"type":"boolean"},"s":{"type":"string"},
                                  "j":{"type":"ref_contentSchema"},"f":{"type":"data:*/*"},
                                  "t":{"type":"data:text/csv","fileToKeyMap":{"tables/./t.csv":"t"}}})"));

  EXPECT_EQ(task.node.step->outputs, (std::vector<core::Output>{{"n", OutputKind::number, ""},
                                                                {"i", OutputKind::integer, ""},
                                                                {"b", OutputKind::boolean, ""},
                                                                {"s", OutputKind::string, ""},
                                                                {"j", OutputKind::json, ""},
                                                                {"f", OutputKind::file, "f"},
                                                                {"t", OutputKind::file, "tables/t.csv"}}));
}

TEST(ReferenceRun, a_schema_that_says_nothing_declares_nothing) {
  auto none = row("a"), empty = row("a");
  none.schema.reset();
  empty.schema = "{}";
  EXPECT_EQ(alone(none).node.step->outputs.size(), 0u);
  EXPECT_EQ(alone(empty).node.step->outputs.size(), 0u);
}

// ---- inputs ---------------------------------------------------------------------------------------------------------------
TEST(ReferenceRun, values_are_canonical_and_what_is_null_is_no_input) {
  const auto task = alone(row("a", R"({"z":{"b": [1, 2.50], "a":"\u00e4"},"t":"x","n":null,"e":1e2,"f":true})"));

  std::map<std::string, std::string> values;
  for (const auto& input : task.node.inputs) values[input.port] = std::get<core::Literal>(input.source).value.json;
  EXPECT_EQ(values, (std::map<std::string, std::string>{
                        {"z", R"({"a":"ä","b":[1,2.5]})"}, {"t", R"("x")"}, {"e", "100.0"}, {"f", "true"}}));
  EXPECT_EQ(task.node.inputs.front().port, "z");
}

TEST(ReferenceRun, an_input_that_is_not_given_has_the_value_of_its_schema) {
  auto node = row("a", R"({"given":1,"empty":null})");
  node.schema = R"({"inputs":{"given":{"type":"integer","defaultValue":7},"empty":{"type":"integer","defaultValue":8},
                              "missing":{"type":"integer","defaultValue":9},"none":{"type":"integer"}}})";

  std::map<std::string, std::string> values;
  for (const auto& input : alone(node).node.inputs) values[input.port] = std::get<core::Literal>(input.source).value.json;
  EXPECT_EQ(values, (std::map<std::string, std::string>{{"given", "1"}, {"empty", "8"}, {"missing", "9"}}));
}

TEST(ReferenceRun, a_link_within_the_run_is_read_when_its_node_has_succeeded) {
  const auto tasks =
      adopted({.dag = R"({"a":["b"],"b":[]})", .nodes = {row("a"), row("b", R"({"i":{"nodeUuid":"a","output":"out"}})")}});

  EXPECT_EQ(tasks[1].node.inputs,
            (std::vector<core::Input>{{"i", core::From{.sources = {{.node = 0, .port = "out", .given = nullptr}}}}}));
  EXPECT_EQ(tasks[1].node.after, std::vector<Index>{});
  EXPECT_EQ(tasks[1].key.inputs, (std::map<std::string, std::string>{{"i", ""}}));
}

TEST(ReferenceRun, a_link_out_of_the_run_is_what_that_node_has_made) {
  auto outside = row("x");
  outside.outputs = R"({"out": 2.50})";
  const auto tasks = adopted({.dag = R"({"b":[]})", .nodes = {row("b", R"({"i":{"nodeUuid":"x","output":"out"}})"), outside}});

  const auto& source = std::get<core::From>(tasks[0].node.inputs.at(0).source).sources.at(0);
  ASSERT_NE(source.given, nullptr);
  EXPECT_EQ(*source.given, (core::Product{"out", core::Value{"2.5"}}));
  EXPECT_EQ(tasks[0].key.inputs.at("i"), core::sha256("2.5"));
}

TEST(ReferenceRun, a_file_that_baton_made_may_be_read_by_a_later_run) {
  core::Success success;
  success.run = RunId(1);
  success.iteration = Iteration(1);
  success.products = {{"out", core::Stamp{.path = "/out/x", .stat = "s", .digest = "d"}}};
  auto outside = row("x");
  outside.success = to_json(success);
  const auto reader = row("b", R"({"i":{"nodeUuid":"x","output":"out"}})");

  outside.outputs = R"({"out":{"store":0,"path":"/out/x","eTag":"d"}})";
  const auto tasks = adopted({.dag = R"({"b":[]})", .nodes = {reader, outside}});
  const auto& source = std::get<core::From>(tasks[0].node.inputs.at(0).source).sources.at(0);
  ASSERT_NE(source.given, nullptr);
  EXPECT_EQ(*source.given, success.products[0]);

  outside.outputs = R"({"out":{"store":0,"path":"/another"}})";  // it was replaced since, by somebody else
  EXPECT_EQ(adopted({.dag = R"({"b":[]})", .nodes = {reader, outside}})[0].node.step->command.words.size(), 0u);
}

// ---- what cannot be run -----------------------------------------------------------------------------------------------------
TEST(ReferenceRun, a_node_of_another_service_is_not_runnable_and_says_which) {
  auto other = row("a", R"({"i":{"store":0,"path":"p/n/f"}})");
  other.image = R"({"name":"simcore/services/comp/itis/sleeper","tag":"2.1.6"})";
  const auto tasks =
      adopted({.dag = R"({"a":["b"],"b":[]})", .nodes = {other, row("b", R"({"i":{"nodeUuid":"a","output":"any"}})")}});

  EXPECT_EQ(tasks[0].node.step->command, (core::Command{.shell = false, .words = {}}));
  EXPECT_EQ(tasks[0].node.step->image, "simcore/services/comp/itis/sleeper:2.1.6");
  EXPECT_EQ(tasks[0].node.step->name, "a");
  EXPECT_EQ(tasks[1].node.step->command.words.size(), 1u);  // waits in vain, and that is told of the other one
  EXPECT_EQ(core::predecessors(tasks[1].node), (std::vector<Index>{0}));
}

TEST(ReferenceRun, a_step_that_cannot_be_run_says_why) {
  const auto image = [](const std::string& command, const std::string& more = "") {
    auto node = row("a");
    node.image = step_image(command, more);
    return node;
  };
  auto missing_output = row("a", R"({"i":{"nodeUuid":"x","output":"out"}})");
  struct Case {
    ReferenceRow node;
    std::string why;
  };
  for (const auto& [node, why] : std::vector<Case>{
           {image("[]"), "its command is not a list of words"},
           {image(R"("true")"), "its command is not a list of words"},
           {image("[1]"), "its command is not a list of words"},
           {image(R"(["a\u0000b"])"), "its command holds a NUL"},
           {image(R"(["echo","${inputs.nope}"])"), "it names 'inputs.nope', which it does not have"},
           {image(R"(["echo","${outputs.nope}"])"), "it names 'outputs.nope', which it does not have"},
           {image(R"(["echo","${params.p}"])"), "it names 'params.p', which it does not have"},
           {image(R"(["true"])", R"(,"envs":{"A=B":"1"})"), "'A=B' cannot be the name of an environment variable"},
           {image(R"(["true"])", R"(,"envs":{"BATON_NODE":"1"})"), "'BATON_NODE' cannot be the name of an environment variable"},
           {image(R"(["true"])", R"(,"envs":{"A":[]})"), "its variable 'A' is no text"},
           {image(R"(["true"])", R"(,"envs":[])"), "its envs are not an object"},
           {image(R"(["true"])", R"(,"envs":{"A":"${inputs.nope}"})"), "it names 'inputs.nope', which it does not have"},
           {image(R"(["true"])", R"(,"node_requirements":{"CPU":"many"})"), "it requires a CPU of \"many\""},
           {image(R"(["true"])", R"(,"node_requirements":{"RAM":-1})"), "it requires a RAM of -1"},
           {row("a", "{}", R"({"o":{"type":"colour"}})"), "its output 'o' is of the type 'colour', which Baton does not know"},
           {row("a", "{}", R"({"o":{}})"), "its output 'o' is of the type '', which Baton does not know"},
           {row("a", "{}", R"({"../o":{"type":"data:*/*"}})"),
            "the file '../o' of its output '../o' does not lie in the work directory"},
           {row("a", "{}", R"({"o":{"type":"data:*/*","fileToKeyMap":{"/etc/o":"o"}}})"),
            "the file '/etc/o' of its output 'o' does not lie in the work directory"},
           {row("a", "{}", R"({"o":{"type":"data:*/*"},"p":{"type":"data:*/*","fileToKeyMap":{"o":"p"}}})"),
            "its outputs 'o' and 'p' are one file, or one lies in the other"},
           {row("a", "{}", R"({"o":{"type":"data:*/*"},"p":{"type":"data:*/*","fileToKeyMap":{"o/x":"p"}}})"),
            "its outputs 'o' and 'p' are one file, or one lies in the other"},
           {row("a", R"({"i":{"store":"0","path":"p/n/f"}})"),
            "its input 'i' is a file of the reference's store, and Baton moves no files"},
           {row("a", R"({"i":{"downloadLink":"http://x"}})"),
            "its input 'i' is a file of the reference's store, and Baton moves no files"},
           {row("a", R"({"i":1e999})"), "its input 'i' has a value that cannot be held"},
           {missing_output, "its input 'i' is the output 'out' of node 'x', which is not in the run and has none"},
       })
    EXPECT_EQ(why_not(node), why) << *node.image << *node.schema << *node.inputs;
}

TEST(ReferenceRun, a_link_to_an_output_that_is_not_declared_is_not_runnable) {
  const auto tasks =
      adopted({.dag = R"({"a":["b"],"b":[]})", .nodes = {row("a"), row("b", R"({"i":{"nodeUuid":"a","output":"nope"}})")}});

  EXPECT_EQ(tasks[1].node.step->command.words.size(), 0u);
  EXPECT_EQ(tasks[1].node.step->description, "its input 'i' is the output 'nope' of node 'a', which declares none");
  EXPECT_EQ(tasks[1].node.inputs.size(), 0u);
  EXPECT_EQ(tasks[1].node.after, (std::vector<Index>{0}));
}

// ---- as all our tasks --------------------------------------------------------------------------------------------------------
TEST(ReferenceRun, a_task_has_a_key_and_a_reason_and_comes_back_from_the_codec) {
  const auto task = alone(row("a", R"({"i":1})"));

  EXPECT_EQ(task.key.definition, core::definition_digest(task.node, {}));
  EXPECT_EQ(task.key.inputs, (std::map<std::string, std::string>{{"i", core::sha256("1")}}));
  ASSERT_EQ(task.reasons.size(), 1u);
  EXPECT_EQ(task.reasons[0].kind, core::ReasonKind::forced);
  EXPECT_FALSE(task.may_cut_off);
  const auto steps = steps_from(to_json(Steps{task.node.step}));
  ASSERT_TRUE(steps) << steps.error().what;
  const auto again = task_from(to_json(task, 0), *steps);
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_EQ(again->node.inputs, task.node.inputs);
  EXPECT_EQ(*again->node.step, *task.node.step);
}

}  // namespace
}  // namespace baton::store
