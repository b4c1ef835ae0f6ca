#include <fstream>
#include <sstream>

#include "parsed.hpp"

namespace baton {
namespace {

using namespace std::chrono_literals;
using test::after_of;
using test::ids_of;
using test::node_of;
using test::parsed;
using test::source_of;
using test::Texts;

/// The example of the format's document.
constexpr std::string_view variant_calling = R"yaml(baton: 1                                  # required: format version
name: variant-calling
params: { ploidy: 2, samples: [a, b, c] } # overridden by --set ploidy=1, or --params FILE
defaults:                                 # merged into every node
  resources: { cpu: 1, ram: 512MiB }
  timeout: 10m
  retries: { max: 1, backoff: 2s }
  env: { LC_ALL: C }
nodes:
  reads:
    foreach: { sample: { param: samples } }            # tasks reads[a], reads[b], reads[c]
    inputs:  { genome: { file: data/genome.fa } }      # relative to this file
    outputs: { r1: { file: r1.fq }, r2: { file: r2.fq } }
    run: wgsim -S 1 ${inputs.genome} ${outputs.r1} ${outputs.r2}
  align:
    foreach: { sample: { param: samples } }
    inputs:
      genome: { file: data/genome.fa }
      r1: { from: reads.r1 }                           # same foreach variable: task by task (align[a] <- reads[a])
      r2: { from: "reads[${foreach.sample}].r2" }      # or said outright
    outputs: { bam: { file: out.bam } }
    resources: { cpu: 2, ram: 1GiB, gpu: 0, license-x: 1 }   # any further name is a custom resource
    run: [sh, -c, 'bwa mem -t ${resources.cpu} "$1" "$2" "$3" > "$4"', sh, "${inputs.genome}", "${inputs.r1}", "${inputs.r2}", "${outputs.bam}"]
  count:
    inputs:  { bams: { from: "align[*].bam" }, ploidy: { param: ploidy } }   # gather: a list, in foreach order
    outputs: { total: { value: integer }, table: { file: table.tsv } }
    after:   [qc]                                      # order only, no data
    run: python3 count.py                              # reads $BATON_INPUTS, writes $BATON_OUTPUTS
  qc: { run: "true", cache: false }                    # always runs
)yaml";

TEST(Pipeline, the_example_of_the_format_is_read_whole) {
  const auto project = parsed(variant_calling);

  EXPECT_EQ(project.name, "variant-calling");
  EXPECT_EQ(project.file, "pipeline.yaml");
  EXPECT_EQ(ids_of(project), (Texts{"reads[a]", "reads[b]", "reads[c]", "align[a]", "align[b]", "align[c]", "count", "qc"}));
  EXPECT_EQ(source_of(project, "reads[b]", "genome"), "file:/home/ada/work/data/genome.fa");
  EXPECT_EQ(source_of(project, "align[b]", "r1"), "reads[b].r1");
  EXPECT_EQ(source_of(project, "align[c]", "r2"), "reads[c].r2");
  EXPECT_EQ(source_of(project, "count", "bams"), "[align[a].bam align[b].bam align[c].bam]");
  EXPECT_EQ(source_of(project, "count", "ploidy"), "param:ploidy=2");
  EXPECT_EQ(after_of(project, "count"), (Texts{"qc"}));

  const auto& align = *node_of(project, "align[a]").step;
  EXPECT_FALSE(align.command.shell);
  EXPECT_EQ(align.command.words.size(), 8U);
  EXPECT_EQ(align.command.words[2], R"(bwa mem -t ${resources.cpu} "$1" "$2" "$3" > "$4")");
  EXPECT_EQ(align.resources, (core::Resources{{"cpu", 2}, {"gpu", 0}, {"license-x", 1}, {"ram", 1073741824}}));
  EXPECT_EQ(align.limits.run, 10min);
  EXPECT_EQ(align.limits.grace, 5s);
  EXPECT_EQ(align.retries.max, 1);
  EXPECT_EQ(align.retries.lost, 1);
  EXPECT_EQ(align.retries.backoff, 2s);
  EXPECT_EQ(align.env, (std::map<std::string, std::string>{{"LC_ALL", "C"}}));
  EXPECT_EQ(align.place, (core::Place{15, 3}));
  EXPECT_TRUE(align.cache);

  const auto& count = *node_of(project, "count").step;
  EXPECT_TRUE(count.command.shell);
  EXPECT_EQ(count.command.words, (Texts{"python3 count.py"}));
  ASSERT_EQ(count.outputs.size(), 2U);
  EXPECT_EQ(count.outputs[0], (core::Output{"total", core::OutputKind::integer, "", false}));
  EXPECT_EQ(count.outputs[1], (core::Output{"table", core::OutputKind::file, "table.tsv", false}));
  EXPECT_EQ(count.resources, (core::Resources{{"cpu", 1}, {"ram", 536870912}}));
  EXPECT_FALSE(node_of(project, "qc").step->cache);
}

TEST(Pipeline, tasks_of_a_step_share_it) {
  const auto project = parsed(variant_calling);

  EXPECT_EQ(node_of(project, "reads[a]").step, node_of(project, "reads[c]").step);
  EXPECT_EQ(node_of(project, "reads[a]").foreach, (std::vector<std::pair<std::string, core::Value>>{{"sample", {R"("a")"}}}));
}

TEST(Pipeline, without_a_name_it_is_called_after_its_file) {
  EXPECT_EQ(parsed("{baton: 1, nodes: {a: {run: x}}}").name, "pipeline");
}

TEST(Pipeline, a_set_parameter_is_read_as_yaml_and_reaches_foreach_and_inputs) {
  const auto project = parsed(variant_calling, {{"ploidy", "{b: 1, a: [x, 2.50]}"}, {"samples", "[q]"}});

  EXPECT_EQ(ids_of(project), (Texts{"reads[q]", "align[q]", "count", "qc"}));
  EXPECT_EQ(source_of(project, "count", "ploidy"), R"(param:ploidy={"a":["x",2.5],"b":1})");
}

TEST(Pipeline, a_parameter_set_to_nothing_is_null) {
  const auto project = parsed("{baton: 1, params: {p: 1}, nodes: {a: {inputs: {p: {param: p}}, run: x}}}", {{"p", ""}});

  EXPECT_EQ(source_of(project, "a", "p"), "param:p=null");
}

TEST(Pipeline, params_named_in_command_and_env_belong_to_the_node) {
  const auto project = parsed(R"(baton: 1
params: {z: [1, 2], a: "x y", unused: 1}
nodes:
  one: { run: "echo ${params.z} ${params.z}", env: { A: "${params.a}" } }
  two: { run: "echo $z ${z} ${params}" }
)");

  EXPECT_EQ(node_of(project, "one").params,
            (std::vector<std::pair<std::string, core::Value>>{{"a", {R"("x y")"}}, {"z", {"[1,2]"}}}));
  EXPECT_TRUE(node_of(project, "two").params.empty());
}

TEST(Pipeline, literals_become_canonical_json) {
  const auto project = parsed(R"(baton: 1
nodes:
  a:
    run: x
    inputs:
      number: 1.50
      whole: 007x
      hex: 0x1F
      octal: 0o17
      negative: -3
      large: 18446744073709551615
      yes: yes
      true: True
      quoted: "1"
      text: "tab\tand é and \"quotes\""
      list: [~, 1e3, {b: 1, a: []}]
      object: { z: {}, a: null, 1: one }
)");

  EXPECT_EQ(source_of(project, "a", "number"), "1.5");
  EXPECT_EQ(source_of(project, "a", "whole"), R"("007x")");
  EXPECT_EQ(source_of(project, "a", "hex"), "31");
  EXPECT_EQ(source_of(project, "a", "octal"), "15");
  EXPECT_EQ(source_of(project, "a", "negative"), "-3");
  EXPECT_EQ(source_of(project, "a", "large"), "18446744073709551615");
  EXPECT_EQ(source_of(project, "a", "yes"), R"("yes")");
  EXPECT_EQ(source_of(project, "a", "true"), "true");
  EXPECT_EQ(source_of(project, "a", "quoted"), R"("1")");
  EXPECT_EQ(source_of(project, "a", "text"), R"("tab\tand é and \"quotes\"")");
  EXPECT_EQ(source_of(project, "a", "list"), R"([null,1000.0,{"a":[],"b":1}])");
  EXPECT_EQ(source_of(project, "a", "object"), R"({"1":"one","a":null,"z":{}})");
}

TEST(Pipeline, files_and_folders_are_absolute_from_the_documents_folder) {
  const auto project = parsed(R"(baton: 1
nodes:
  a:
    run: x
    inputs: { f: { file: ./x.txt, digest: stat }, d: { dir: ../data/ }, abs: { file: /etc/hosts } }
    outputs: { o: { dir: out//./deep/, digest: stat }, v: { value: json } }
    files: [lib/count.py, { dir: lib/more }, { file: big.bin, digest: stat }]
)");

  EXPECT_EQ(source_of(project, "a", "f"), "file:/home/ada/work/x.txt by stat");
  EXPECT_EQ(source_of(project, "a", "d"), "dir:/home/ada/work/../data");
  EXPECT_EQ(source_of(project, "a", "abs"), "file:/etc/hosts");
  const auto& step = *node_of(project, "a").step;
  EXPECT_EQ(step.outputs[0], (core::Output{"o", core::OutputKind::directory, "out/deep", true}));
  EXPECT_EQ(step.outputs[1].kind, core::OutputKind::json);
  EXPECT_EQ(step.files, (std::vector<core::FileInput>{{"/home/ada/work/lib/count.py", false, false},
                                                      {"/home/ada/work/lib/more", true, false},
                                                      {"/home/ada/work/big.bin", false, true}}));
}

TEST(Pipeline, all_types_of_values_can_be_outputs) {
  const auto project = parsed(R"(baton: 1
nodes: { a: { run: x, outputs: { n: {value: number}, i: {value: integer}, s: {value: string}, b: {value: boolean}, j: {value: json} } } }
)");

  std::vector<core::OutputKind> kinds;
  for (const auto& output : node_of(project, "a").step->outputs) kinds.push_back(output.kind);
  EXPECT_EQ(kinds, (std::vector{core::OutputKind::number, core::OutputKind::integer, core::OutputKind::string,
                                core::OutputKind::boolean, core::OutputKind::json}));
}

TEST(Pipeline, limits_and_retries_are_read_in_all_their_forms) {
  const auto project = parsed(R"(baton: 1
nodes:
  short: { run: x, timeout: 1.5h, grace: 500ms }
  long:
    run: x
    timeout: { run: 2d, silence: 1h, waiting: 30m, grace: 0s }
    retries: { max: 3, backoff: 250 ms, on: [timeout, oom], lost: 0 }
  plain: { run: x, retries: { on: [] } }
)");

  const auto& brief = *node_of(project, "short").step;
  EXPECT_EQ(brief.limits.run, 90min);
  EXPECT_EQ(brief.limits.grace, 500ms);
  EXPECT_FALSE(brief.limits.silence.has_value());
  EXPECT_TRUE(brief.retries.on_exit && brief.retries.on_timeout && brief.retries.on_oom);
  const auto& full = *node_of(project, "long").step;
  EXPECT_EQ(full.limits, (core::Limits{48h, 1h, 30min, 0s}));
  EXPECT_EQ(full.retries, (core::Retries{3, 0, 250ms, false, true, true}));
  EXPECT_EQ(node_of(project, "plain").step->retries, (core::Retries{0, 1, 0s, false, false, false}));
}

TEST(Pipeline, lost_retries_come_from_the_node_the_defaults_the_settings_in_this_order) {
  const auto project = formats::parse_pipeline(R"(baton: 1
defaults: { retries: { max: 2 } }
nodes:
  a: { run: x }
  b: { run: x, retries: { backoff: 1s } }
  c: { run: x, retries: { lost: 0 } }
)",
                                               {.file = "p.yaml", .base_dir = "/", .retries_lost = 7});
  const auto with_default = formats::parse_pipeline("{baton: 1, defaults: {retries: {lost: 3}}, nodes: {a: {run: x}}}",
                                                    {.file = "p.yaml", .base_dir = "/", .retries_lost = 7});

  ASSERT_TRUE(project && with_default);
  EXPECT_EQ(node_of(*project, "a").step->retries.lost, 7);
  EXPECT_EQ(node_of(*project, "b").step->retries.lost, 7);
  EXPECT_EQ(node_of(*project, "c").step->retries.lost, 0);
  EXPECT_EQ(node_of(*with_default, "a").step->retries.lost, 3);
}

TEST(Pipeline, defaults_are_merged_field_by_field_and_the_node_wins) {
  const auto project = parsed(R"(baton: 1
defaults:
  resources: { cpu: 4, ram: 2GB, license-x: 1 }
  timeout: { run: 10m, silence: 1m }
  retries: { max: 2, on: [exit] }
  env: { A: a, B: b }
  cache: false
  image: debian
  files: [common.py]
nodes:
  a: { run: x, resources: { cpu: 1 }, timeout: 5m, retries: { backoff: 1s }, env: { B: 2 }, cache: true, image: alpine, files: [a.py, common.py] }
  b: { run: x, timeout: { waiting: 3m } }
)");

  const auto& a = *node_of(project, "a").step;
  EXPECT_EQ(a.resources, (core::Resources{{"cpu", 1}, {"license-x", 1}, {"ram", 2e9}}));
  EXPECT_EQ(a.limits, (core::Limits{5min, 1min, std::nullopt, 5s}));
  EXPECT_EQ(a.retries, (core::Retries{2, 1, 1s, true, false, false}));
  EXPECT_EQ(a.env, (std::map<std::string, std::string>{{"A", "a"}, {"B", "2"}}));
  EXPECT_TRUE(a.cache);
  EXPECT_EQ(a.image, "alpine");
  EXPECT_EQ(a.files,
            (std::vector<core::FileInput>{{"/home/ada/work/common.py", false, false}, {"/home/ada/work/a.py", false, false}}));
  const auto& b = *node_of(project, "b").step;
  EXPECT_EQ(b.limits, (core::Limits{10min, 1min, 3min, 5s}));
  EXPECT_FALSE(b.cache);
  EXPECT_EQ(b.image, "debian");
}

TEST(Pipeline, a_node_that_asks_for_no_cpu_has_one) {
  EXPECT_EQ(node_of(parsed("{baton: 1, nodes: {a: {run: 'echo ${resources.cpu}'}}}"), "a").step->resources,
            (core::Resources{{"cpu", 1}}));
}

TEST(Pipeline, words_of_argv_and_env_are_taken_as_they_are_written) {
  const auto project =
      parsed("{baton: 1, nodes: {a: {run: [sleep, 1.50, true, ''], env: {A: 010, B: no, C: ''}, label: L, description: D}}}");

  const auto& step = *node_of(project, "a").step;
  EXPECT_EQ(step.command.words, (Texts{"sleep", "1.50", "true", ""}));
  EXPECT_EQ(step.env, (std::map<std::string, std::string>{{"A", "010"}, {"B", "no"}, {"C", ""}}));
  EXPECT_EQ(step.label, "L");
  EXPECT_EQ(step.description, "D");
}

TEST(Pipeline, an_alias_is_what_its_anchor_is) {
  const auto project = parsed(R"(baton: 1
params: { list: &list [a, b] }
nodes: { x: { run: &cmd "true", foreach: { i: *list } }, y: { run: *cmd } }
)");

  EXPECT_EQ(ids_of(project), (Texts{"x[a]", "x[b]", "y"}));
  EXPECT_EQ(node_of(project, "y").step->command.words, (Texts{"true"}));
}

TEST(Pipeline, a_byte_order_mark_and_crlf_are_taken) {
  const auto project = parsed(
      "\xEF\xBB\xBF"
      "baton: 1\r\nnodes:\r\n  a: { run: x }\r\n");

  EXPECT_EQ(node_of(project, "a").step->place, (core::Place{3, 3}));
}

TEST(Pipeline, the_examples_are_good) {
  for (const std::string name : {"hello", "monte-carlo"}) {
    std::ifstream file(BATON_SOURCE_DIR "/examples/" + name + "/pipeline.yaml");
    std::stringstream text;
    text << file.rdbuf();
    EXPECT_EQ(parsed(text.str()).name, name);
  }
}

}  // namespace
}  // namespace baton
