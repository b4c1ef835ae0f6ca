#include "core/model.hpp"

#include <gtest/gtest.h>

namespace baton::core {
namespace {

Node node_of(std::string step_name, std::vector<std::string> foreach = {}) {
  Step step;
  step.name = std::move(step_name);
  Node node{.step = std::make_shared<const Step>(std::move(step))};
  for (auto& json : foreach) node.foreach.emplace_back("v" + std::to_string(node.foreach.size()), Value{std::move(json)});
  return node;
}

TEST(FolderOf, is_the_step_and_the_foreach_values) {
  EXPECT_EQ(folder_of(node_of("align")), "align");
  EXPECT_EQ(folder_of(node_of("align", {"\"a\""})), "align/a");
  EXPECT_EQ(folder_of(node_of("align", {"\"a\"", "2"})), "align/a,2");
  EXPECT_EQ(folder_of(node_of("align", {"true", "1.5", "null"})), "align/true,1.5,null");
}

TEST(FolderOf, escapes_what_is_not_plain_in_a_value) {
  EXPECT_EQ(folder_of(node_of("s", {R"("a/b")"})), "s/a%2Fb");
  EXPECT_EQ(folder_of(node_of("s", {R"("a b,c%")"})), "s/a%20b%2Cc%25");
  EXPECT_EQ(folder_of(node_of("s", {"\"\xC3\xBC\""})), "s/%C3%BC");
  EXPECT_EQ(folder_of(node_of("s", {R"("\u00fc\n")"})), "s/%C3%BC%0A");
  EXPECT_EQ(folder_of(node_of("s", {"[1,2]"})), "s/%5B1%2C2%5D");
  EXPECT_EQ(folder_of(node_of("s", {R"({"a":1})"})), "s/%7B%22a%22%3A1%7D");
}

TEST(FolderOf, hides_no_folder_and_names_no_parent) {
  EXPECT_EQ(folder_of(node_of("s", {R"(".")"})), "s/%2E");
  EXPECT_EQ(folder_of(node_of("s", {R"("..")"})), "s/%2E.");
  EXPECT_EQ(folder_of(node_of("s", {R"(".a.b")", R"(".c")"})), "s/%2Ea.b,%2Ec");
  EXPECT_EQ(folder_of(node_of("../x")), "%2E.%2Fx");
}

TEST(FolderOf, writes_an_empty_value_as_a_lone_percent_sign) {
  EXPECT_EQ(folder_of(node_of("s", {R"("")"})), "s/%");
  EXPECT_EQ(folder_of(node_of("s", {R"("")", R"("")"})), "s/%,%");
}

TEST(FolderOf, cuts_names_over_200_bytes_to_160_and_16_digits_of_their_digest) {
  const std::string longest(200, 'x');
  EXPECT_EQ(folder_of(node_of("s", {'"' + longest + '"'})), "s/" + longest);
  EXPECT_EQ(folder_of(node_of("s", {'"' + longest + "x\""})), "s/" + std::string(160, 'x') + "84a0678c90937f5d");
  // Counted as written: 199 bytes of value become 201, and those are what the digest is of.
  EXPECT_EQ(folder_of(node_of("s", {"\"." + longest + '"'})), "s/%2E" + std::string(157, 'x') + "595808fa90ec134e");
  EXPECT_EQ(folder_of(node_of(longest + "x")), std::string(160, 'x') + "84a0678c90937f5d");
}

TEST(Predecessors, are_the_sources_of_inputs_and_after_sorted_and_once_each) {
  Node node;
  node.inputs = {{"a", From{.sources = {{.node = 4, .port = "x", .given = nullptr}}}},
                 {"b", From{.sources = {{.node = 2, .port = "x", .given = nullptr}, {.node = 4, .port = "y", .given = nullptr}},
                            .gather = true}},
                 {"c", Literal{{"1"}}},
                 {"d", FileInput{.path = "/x"}}};
  node.after = {7, 2, 1};
  EXPECT_EQ(predecessors(node), (std::vector<Index>{1, 2, 4, 7}));
}

TEST(Predecessors, leave_out_what_was_made_outside_the_run) {
  const auto given = std::make_shared<const Product>(Product{"x", Value{"1"}});
  Node node;
  node.inputs = {{"a", From{.sources = {{.node = 0, .port = "x", .given = given}, {.node = 3, .port = "x", .given = nullptr}},
                            .gather = true}}};
  EXPECT_EQ(predecessors(node), (std::vector<Index>{3}));
}

TEST(DigestOf, a_product_is_of_its_value_or_its_content) {
  EXPECT_EQ(digest_of({"n", Value{"abc"}}), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest_of({"f", Stamp{.path = "/x", .stat = "s", .digest = "d1"}}), "d1");
}

}  // namespace
}  // namespace baton::core
