#include "core/key.hpp"

#include <gtest/gtest.h>

namespace baton::core {
namespace {

// Digests below were computed with Python's hashlib, uuid and json.

TEST(Sha256, gives_the_known_digests) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Uuid5, gives_the_known_names) {
  EXPECT_EQ(uuid5("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "www.example.com"), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
  EXPECT_EQ(uuid5("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "python.org"), "886313e1-3b8a-5372-9b90-0c9aee199e5d");
  EXPECT_EQ(uuid5("6BA7B811-9DAD-11D1-80B4-00C04FD430C8", "http://www.example.com/"), "fcde3c85-2270-590f-9e7c-ee003d65e0e2");
  EXPECT_EQ(uuid5("6ba7b812-9dad-11d1-80b4-00c04fd430c8", ""), "0a68eb57-c88a-5f34-9e9d-27f85e68af4f");
}

TEST(JobId, has_the_six_parts_of_the_reference) {
  const RunUuid run("0f0e0d0c-0b0a-0908-0706-050403020100");
  EXPECT_EQ(job_id(UserId(7), ProjectId("hello.yaml"), run, NodeId("align"), 1).value(),
            "baton:1:userid_7:projectid_hello.yaml:nodeid_align:uuid_07ad21ac-5343-5265-af98-f1d5c8f67c59");
  EXPECT_EQ(job_id(UserId(7), ProjectId("hello.yaml"), run, NodeId("align"), 2).value(),
            "baton:1:userid_7:projectid_hello.yaml:nodeid_align:uuid_a83bbcb3-361a-5d6f-aa17-52154374a8d9");
}

TEST(JobId, escapes_what_would_make_more_parts) {
  const RunUuid run("0f0e0d0c-0b0a-0908-0706-050403020100");
  EXPECT_EQ(job_id(UserId(7), ProjectId("a:b"), run, NodeId("align[a:b %]"), 1).value(),
            "baton:1:userid_7:projectid_a%3Ab:nodeid_align[a%3Ab%20%25]:uuid_94adae93-df86-525c-9b04-39778dfe7d2a");
}

Node a_node() {
  Step step;
  step.name = "count";
  step.command = {.shell = true, .words = {"echo ${params.x}"}};
  step.env = {{"LC_ALL", "C"}};
  step.outputs = {{.port = "out", .kind = OutputKind::file, .name = "o.txt"}};
  step.files = {{.path = "/home/a/scripts/count.py"}};
  Node node{.id = NodeId("count[a]"), .step = std::make_shared<const Step>(std::move(step))};
  node.foreach = {{"sample", {"\"a\""}}};
  node.params = {{"x", {"3"}}};
  return node;
}
const std::vector<std::string> script_digest{std::string(64, 'd')};

std::string digest_with(const std::function<void(Step&)>& change) {
  auto node = a_node();
  auto step = *node.step;
  change(step);
  node.step = std::make_shared<const Step>(std::move(step));
  return definition_digest(node, script_digest);
}

TEST(DefinitionDigest, stays_what_earlier_versions_recorded) {
  EXPECT_EQ(step_digest(*a_node().step, script_digest), "82bb7ad46ac6aecaff96d07826662f7e0d1082fa78d7ef078df5bedeee18c5aa");
  EXPECT_EQ(definition_digest(a_node(), script_digest), "d4e2b5c2e8e7362d7da0971ef763b2b0a14884d53f8546af0d86c75f185076b7");
}

TEST(DefinitionDigest, changes_with_each_part_of_what_a_task_is) {
  const auto before = definition_digest(a_node(), script_digest);
  EXPECT_NE(digest_with([](Step& step) { step.command.words = {"echo ${params.y}"}; }), before);
  EXPECT_NE(digest_with([](Step& step) { step.command.shell = false; }), before);
  EXPECT_NE(digest_with([](Step& step) { step.env["LC_ALL"] = "de"; }), before);
  EXPECT_NE(digest_with([](Step& step) { step.env.clear(); }), before);
  EXPECT_NE(digest_with([](Step& step) { step.image = "debian:12"; }), before);
  EXPECT_NE(digest_with([](Step& step) { step.outputs[0].name = "p.txt"; }), before);
  EXPECT_NE(digest_with([](Step& step) { step.outputs[0].port = "other"; }), before);
  EXPECT_NE(digest_with([](Step& step) { step.outputs[0].kind = OutputKind::directory; }), before);
  EXPECT_NE(digest_with([](Step& step) { step.outputs[0].by_stat = true; }), before);
  EXPECT_NE(digest_with([](Step& step) { step.files[0].path = "/home/a/scripts/other.py"; }), before);
  EXPECT_NE(definition_digest(a_node(), std::vector<std::string>{std::string(64, 'e')}), before);

  auto node = a_node();
  node.foreach = {{"sample", {"\"b\""}}};
  EXPECT_NE(definition_digest(node, script_digest), before);
  node = a_node();
  node.params = {{"x", {"4"}}};
  EXPECT_NE(definition_digest(node, script_digest), before);
}

TEST(DefinitionDigest, does_not_see_names_places_limits_and_inputs) {
  const auto before = definition_digest(a_node(), script_digest);
  EXPECT_EQ(digest_with([](Step& step) { step.name = "renamed"; }), before);
  EXPECT_EQ(digest_with([](Step& step) { step.files[0].path = "/srv/elsewhere/count.py"; }), before);
  EXPECT_EQ(digest_with([](Step& step) { step.limits.run = std::chrono::minutes(1); }), before);
  EXPECT_EQ(digest_with([](Step& step) { step.retries.max = 3; }), before);
  EXPECT_EQ(digest_with([](Step& step) { step.resources["cpu"] = 2; }), before);
  EXPECT_EQ(digest_with([](Step& step) { step.place = {.line = 9, .column = 1}; }), before);
  EXPECT_EQ(digest_with([](Step& step) { step.label = "Count"; }), before);

  auto node = a_node();
  node.inputs = {{"n", Literal{{"1"}}}};
  node.after = {3};
  EXPECT_EQ(definition_digest(node, script_digest), before);
}

TEST(DefinitionDigest, tells_where_one_part_ends_and_the_next_begins) {
  const auto with_words = [](std::vector<std::string> words) {
    return digest_with([&](Step& step) { step.command = {.shell = false, .words = std::move(words)}; });
  };
  EXPECT_NE(with_words({"a", "bc"}), with_words({"ab", "c"}));
  EXPECT_NE(with_words({"a", "b"}), with_words({"a b"}));
  EXPECT_NE(with_words({"a"}), with_words({"a", ""}));
}

TEST(GatheredDigest, depends_on_each_digest_and_their_order) {
  EXPECT_EQ(gathered_digest(std::vector<std::string>{"aa", "bb"}),
            "5ed72c158cfa4a8afc7438d285bf15bee8acc86ddf25524d5695dc3c0e39df7b");
  EXPECT_EQ(gathered_digest({}), "8ff1a194aefa2783a557ff3770c5561249af5ef6c0f1d5e2892651ee0385f8c7");
  EXPECT_NE(gathered_digest(std::vector<std::string>{"bb", "aa"}), gathered_digest(std::vector<std::string>{"aa", "bb"}));
  EXPECT_NE(gathered_digest(std::vector<std::string>{"aa"}), "aa");
}

TEST(IoHash, is_that_of_the_golden_node) {
  const auto file = R"({"store": 0, "path": "/tmp/some_file.txt", "label": "some_file.txt", "eTag": "3029u20fdlskjhdlkj"})";
  const auto other =
      R"({"store": 0, "path": "/tmp/some_file2.txt", "label": "some_file2.txt", "eTag": "3029u20fdlskjhddfssdlkj"})";
  const auto inputs = std::string(R"({"in_2": 2, "in_1": )") + file + "}";
  const auto outputs = std::string(R"({"out_1": )") + file + R"(, "out_2": )" + other + "}";
  EXPECT_EQ(io_hash(inputs, outputs), "33e8fea8c4dac881e041997633d70bfc1f4a100f507faf6d981659f1b92d1d64");
}

TEST(IoHash, tells_an_absent_side_from_an_empty_one) {
  EXPECT_EQ(io_hash("{}", "{}"), "d98878dbcffbb908ee6d96d3ca87cc0c083f75683488c50ce9c945bef0588047");
  EXPECT_EQ(io_hash("null", "null"), "6c4d5b04b166697ef6eddc63d6c1ee4092dccf8af91a0f7efc55bc423984ea5a");
}

TEST(IoHash, types_strings_that_are_json_before_it_hashes) {
  const auto typed = "659b33c516505c345ddccda73f3d4ca70c04e739246e7febc8f1b64aeef26aca";
  EXPECT_EQ(io_hash(R"({"a": 12, "b": true, "c": [1], "d": "x", "e": 1.0})", "null"), typed);
  EXPECT_EQ(io_hash(R"({"a": "12", "b": " true ", "c": "[1]", "d": "\"x\"", "e": "1.0"})", "null"), typed);
}

TEST(IoHash, types_only_the_payload_itself) {
  EXPECT_NE(io_hash(R"({"a": ["12"]})", "null"), io_hash(R"({"a": [12]})", "null"));
  EXPECT_EQ(io_hash(R"({"a": "[\"12\"]"})", "null"), io_hash(R"({"a": ["12"]})", "null"));
  EXPECT_EQ(io_hash(R"({"a": "01"})", "null"), io_hash(R"({"a": "\"01\""})", "null"));  // 01 is no JSON: a text
}

TEST(IoHash, drops_null_payloads) {
  EXPECT_EQ(io_hash(R"({"a": null, "b": 1, "c": "null"})", "{}"), io_hash(R"({"b": 1})", "{}"));
  EXPECT_EQ(io_hash(R"({"a": [null]})", "{}"), io_hash(R"({"a": "[null]"})", "{}"));
}

TEST(IoHash, writes_text_and_floats_as_python_does) {
  EXPECT_EQ(io_hash("{\"\xC3\xA9\": \"\xC3\xBC\xF0\x9F\x98\x80\x7F\"}", "null"),
            "1a10ae802debc6dc8a54b3ad45c91347ae482fa8b62f9f8ee5199f316727318a");
  EXPECT_EQ(io_hash(R"({"a": 0.00001, "b": 1e16, "c": 0.1, "d": 123456789012345678901234567890, "e": NaN, "f": "-Infinity",
                        "g": 10000000000000000000000.0, "h": 5e-324, "i": 1.7976931348623157E308, "j": -0.0, "k": 1e15, "l": 1e-4,
                        "m": 123.456})",
                    "null"),
            "b5c6f68a837bf3ea88e097c70f57b045b684d2400713dcfc8f6b1d655f91356e");
}

TEST(IoHash, refuses_what_is_no_object_of_ports) {
  for (const auto* bad :
       {"", "[]", "1", "{", R"({"a" 1})", R"({"a": 1,})", R"({"a": 1} x)", "nullx", "{\"a\": \"\xFF\"}", R"({"a": "\ud800"})"}) {
    const auto hash = io_hash(bad, "{}");
    ASSERT_FALSE(hash) << bad;
    EXPECT_EQ(hash.error().code, "input.bad_json") << bad;
    EXPECT_TRUE(hash.error().where.starts_with("inputs, byte ")) << hash.error().where;
  }
  EXPECT_TRUE(io_hash("{}", "]").error().where.starts_with("outputs"));
}

}  // namespace
}  // namespace baton::core
