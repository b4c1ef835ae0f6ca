#include "formats/yaml_tree.hpp"

#include <gtest/gtest.h>

#include <string>

namespace baton::formats {
namespace {

struct Refused {
  std::string code, where;
  bool operator==(const Refused&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Refused& refused) { return out << refused.code << " at " << refused.where; }

Refused refused(std::string_view text, const YamlLimits& limits = {}) {
  const auto tree = read_yaml(text, "f", limits);
  return tree ? Refused{"nothing", ""} : Refused{tree.error().code, tree.error().where};
}

std::string times(int count, const std::string& text) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

TEST(YamlTree, scalars_lists_and_objects_keep_their_places) {
  const auto tree = read_yaml("a: [x, 'y']\nb:\n  - {é: z, c: \"w\"}\n", "f");

  ASSERT_TRUE(tree.has_value());
  const auto& root = *tree->root;
  ASSERT_TRUE(root.is_object());
  EXPECT_EQ(root.key(0).text, "a");
  EXPECT_EQ(root.value(0).items[0]->place, (core::Place{1, 5}));
  EXPECT_TRUE(root.value(0).items[0]->plain);
  EXPECT_EQ(root.value(0).items[1]->text, "y");
  EXPECT_FALSE(root.value(0).items[1]->plain);
  const auto* inner = root.find("b")->items[0];
  EXPECT_EQ(inner->find("c")->place, (core::Place{3, 15}));
  EXPECT_EQ(inner->find("missing"), nullptr);
}

TEST(YamlTree, json_writes_a_character_beyond_the_first_plane_as_two_escapes) {
  const auto tree = read_yaml(R"({"s\ud83d\ude00": ["\\ud83d \uD83D\uDE00\ud83d\ude00\u00e4", 1]})", "f");

  ASSERT_TRUE(tree.has_value()) << tree.error().what << " at " << tree.error().where;
  EXPECT_EQ(tree->root->key(0).text, "s😀");
  const auto& list = tree->root->value(0);
  EXPECT_EQ(list.items[0]->text, "\\ud83d 😀😀ä");
  EXPECT_EQ(list.items[0]->place, (core::Place{1, 20}));
  EXPECT_EQ(list.items[1]->place, (core::Place{1, 62}));
}

TEST(YamlTree, half_of_such_a_pair_is_refused_at_its_place) {
  EXPECT_EQ(refused(R"({"s": "\ud83d\ude00 \ud83d"})"), (Refused{"input.encoding", "f:1:21"}));
  EXPECT_EQ(refused(R"({"s": "\ude00\ud83d"})"), (Refused{"input.encoding", "f:1:8"}));
  EXPECT_EQ(refused("\xEF\xBB\xBF[\n\"\\ud83d\\u0041\"]"), (Refused{"input.encoding", "f:2:2"}));
}

TEST(YamlTree, to_yaml_such_an_escape_is_text_or_an_error) {
  EXPECT_EQ(read_yaml(R"({a: 'x \ud83d\ude00'})", "f")->root->value(0).text, R"(x \ud83d\ude00)");
  EXPECT_EQ(read_yaml("a: |\n  \"\\ud83d\\ude00\"\n", "f")->root->value(0).text, "\"\\ud83d\\ude00\"\n");
  EXPECT_EQ(refused(R"(a: "\ud83d\ude00")"), (Refused{"input.yaml", "f:1:7"}));
}

TEST(YamlTree, a_document_of_comments_has_no_root) {
  const auto tree = read_yaml("# nothing\n\n", "f");

  ASSERT_TRUE(tree.has_value());
  EXPECT_EQ(tree->root, nullptr);
}

TEST(YamlTree, syntax_errors_have_their_place) {
  EXPECT_EQ(refused("a: [1, 2\nb: 3\n"), (Refused{"input.yaml", "f:2:2"}));
  EXPECT_EQ(refused("a: \"open\n"), (Refused{"input.yaml", "f:2:1"}));
  EXPECT_EQ(refused("a:\n\tb: 1\n"), (Refused{"input.yaml", "f:2:1"}));
  EXPECT_EQ(refused("a: b: c\n"), (Refused{"input.yaml", "f:1:5"}));
}

TEST(YamlTree, the_way_out_says_where_the_open_part_began) {
  const auto tree = read_yaml("a:\n  b: [1, 2\nc: 3\n", "f");

  ASSERT_FALSE(tree.has_value());
  EXPECT_EQ(tree.error().what, "the document is not YAML: did not find expected ',' or ']'");
  EXPECT_EQ(tree.error().way_out, "while parsing a flow sequence that begins in line 2, column 6");
}

TEST(YamlTree, what_is_not_utf8_is_refused_at_its_character) {
  EXPECT_EQ(refused("a: é\nbb: \xFF\n"), (Refused{"input.encoding", "f:2:5"}));
  EXPECT_EQ(refused("a: \xC3"), (Refused{"input.encoding", "f:1:4"}));
  EXPECT_EQ(refused("a: \xED\xA0\x80"), (Refused{"input.encoding", "f:1:4"}));  // a surrogate
  EXPECT_EQ(refused(std::string("\xFF\xFE"
                                "a\0:\0",
                                6)),
            (Refused{"input.encoding", "f:1:1"}));  // UTF-16
}

TEST(YamlTree, control_characters_are_refused) {
  EXPECT_EQ(refused("a: x\x1B[31m"), (Refused{"input.encoding", "f:1:5"}));
  EXPECT_EQ(refused(std::string_view("a: \0", 4)), (Refused{"input.encoding", "f:1:4"}));
  EXPECT_EQ(refused("a: \"x\\0\""), (Refused{"input.encoding", "f:1:4"}));
}

TEST(YamlTree, keys_given_twice_are_refused_at_the_second) {
  EXPECT_EQ(refused("a: 1\nb: 2\n'a': 3\n"), (Refused{"input.duplicate", "f:3:1"}));
  EXPECT_EQ(refused("{a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7, h: 8, i: 9, c: 10}"), (Refused{"input.duplicate", "f:1:56"}));
  EXPECT_EQ(refused("[{a: 1}, {a: 1}]"), (Refused{"nothing", ""}));
}

TEST(YamlTree, keys_that_are_no_text_are_refused) {
  EXPECT_EQ(refused("[a]: 1"), (Refused{"input.yaml", "f:1:1"}));
  EXPECT_EQ(refused("? {a: 1}\n: 1"), (Refused{"input.yaml", "f:1:3"}));
}

TEST(YamlTree, tags_and_merge_keys_are_refused) {
  EXPECT_EQ(refused("a: !!str 1"), (Refused{"input.yaml", "f:1:4"}));
  EXPECT_EQ(refused("a: !python/object x"), (Refused{"input.yaml", "f:1:4"}));
  EXPECT_EQ(refused("a: &a {x: 1}\nb:\n  <<: *a\n"), (Refused{"input.yaml", "f:3:3"}));
}

TEST(YamlTree, a_second_document_is_refused) { EXPECT_EQ(refused("a: 1\n---\nb: 1\n"), (Refused{"input.yaml", "f:2:1"})); }

TEST(YamlTree, an_alias_shares_its_node) {
  const auto tree = read_yaml("a: &x [1, 2]\nb: *x\n*k : 1\n", "f");
  EXPECT_EQ(tree.error().code, "input.alias");

  const auto good = read_yaml("a: &x [1, 2]\nb: *x\n", "f");
  ASSERT_TRUE(good.has_value());
  EXPECT_EQ(good->root->find("a"), good->root->find("b"));
}

TEST(YamlTree, a_later_anchor_of_a_name_replaces_the_earlier) {
  const auto tree = read_yaml("[&a 1, *a, &a 2, *a]", "f");

  ASSERT_TRUE(tree.has_value());
  EXPECT_EQ(tree->root->items[1]->text, "1");
  EXPECT_EQ(tree->root->items[3]->text, "2");
}

TEST(YamlTree, undefined_aliases_are_refused) { EXPECT_EQ(refused("a: *x\nb: &x 1\n"), (Refused{"input.alias", "f:1:4"})); }

TEST(YamlTree, an_alias_within_itself_is_refused) {
  EXPECT_EQ(refused("a: &x [1, *x]"), (Refused{"input.alias", "f:1:11"}));
  EXPECT_EQ(refused("&x {a: {b: *x}}"), (Refused{"input.alias", "f:1:12"}));
}

TEST(YamlTree, an_alias_bomb_is_refused) {
  std::string bomb = "a0: &a0 [" + times(9, "lol, ") + "lol]\n";
  for (int i = 1; i < 10; ++i) {
    const auto before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + times(9, before + ", ") + before + "]\n";
  }

  // Written out, a5 has 20.8 MB and all aliases up to the sixth line 23.1 MB: the first in the seventh is too much.
  EXPECT_EQ(refused(bomb), (Refused{"input.alias", "f:7:10"}));
}

TEST(YamlTree, an_alias_bomb_of_one_long_text_is_refused) {
  const auto bomb = "[&a " + std::string(1 << 20, 'x') + times(40, ", *a") + "]";

  EXPECT_EQ(refused(bomb).code, "input.alias");
}

TEST(YamlTree, documents_are_read_to_their_depth_and_no_deeper) {
  EXPECT_EQ(refused(times(64, "[") + times(64, "]")), (Refused{"nothing", ""}));
  EXPECT_EQ(refused(times(65, "[") + times(65, "]")), (Refused{"input.too_deep", "f:1:65"}));
  EXPECT_EQ(refused(times(65, "- ") + "x"), (Refused{"input.too_deep", "f:1:129"}));
  EXPECT_EQ(refused(times(5'000'000, "[")), (Refused{"input.too_deep", "f:1:65"}));
  EXPECT_EQ(refused(times(1'000'000, "{a: ")).code, "input.too_deep");
}

TEST(YamlTree, aliases_count_for_the_depth) {
  const auto deep = times(40, "[") + times(40, "]");

  EXPECT_EQ(refused("[&a " + deep + ", *a]"), (Refused{"nothing", ""}));
  EXPECT_EQ(refused("[&a " + deep + ", " + times(30, "[") + "*a" + times(30, "]") + "]").code, "input.too_deep");
}

TEST(YamlTree, size_and_number_of_values_are_bounded) {
  EXPECT_EQ(refused("abc", {.bytes_max = 2}), (Refused{"input.too_big", "f:1:1"}));
  EXPECT_EQ(refused("[a, b, c]", {.nodes_max = 4}), (Refused{"nothing", ""}));
  EXPECT_EQ(refused("[a, b, c]", {.nodes_max = 3}), (Refused{"input.too_big", "f:1:8"}));
  EXPECT_EQ(refused(std::string((16U << 20U) + 1, ' ')), (Refused{"input.too_big", "f:1:1"}));
}

}  // namespace
}  // namespace baton::formats
