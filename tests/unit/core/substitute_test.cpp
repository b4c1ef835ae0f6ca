#include "core/substitute.hpp"

#include <gtest/gtest.h>

#include <map>

namespace baton::core {
namespace {

using Words = std::vector<std::string>;

Words lookup(std::string_view space, std::string_view name) {
  static const std::map<std::string, Words> known{{"inputs.genome", {"/data/genome.fa"}},
                                                  {"inputs.spaced", {"/my data/it's"}},
                                                  {"inputs.list", {"/a", "/b c", ""}},
                                                  {"inputs.none", {}},
                                                  {"outputs.bam", {"out.bam"}},
                                                  {"params.ploidy", {"2"}},
                                                  {"foreach.sample", {"a"}},
                                                  {"resources.license-x", {"1"}},
                                                  {"node.id", {"align[a]"}},
                                                  {"node.attempt", {"1"}}};
  return known.at(std::string(space) + "." + std::string(name));
}

std::string in_shell(std::string_view text) { return substitute(text, Quoting::shell, lookup); }
std::string plain(std::string_view text) { return substitute(text, Quoting::none, lookup); }

std::vector<std::string> names_in(std::string_view text) {
  std::vector<std::string> names;
  for (const auto& reference : references(text)) {
    names.push_back(reference.space + "." + reference.name + "@" + std::to_string(reference.at));
  }
  return names;
}

TEST(References, are_found_in_every_space_in_order) {
  EXPECT_EQ(names_in("${inputs.a} ${outputs.b}${params.c} ${foreach.d} ${resources.license-x} ${node.id} ${node.attempt}"),
            (Words{"inputs.a@0", "outputs.b@12", "params.c@24", "foreach.d@36", "resources.license-x@49", "node.id@72",
                   "node.attempt@83"}));
  EXPECT_EQ(names_in("${inputs.a.b-c_9}"), (Words{"inputs.a.b-c_9@0"}));
  EXPECT_EQ(names_in("\xC3\xBC ${inputs.a}"), (Words{"inputs.a@3"}));
}

TEST(References, are_nothing_else_that_begins_with_a_dollar) {
  for (const auto* text :
       {"$x",         "${HOME}",      "$HOME",   "${inputs}",    "${inputs.}",  "${inputs.9a}", "${inputs.a b}", "${inputs.a:-b}",
        "${input.a}", "${node.name}", "${node}", "${.a}",        "$(inputs.a)", "$inputs.a",    "${inputs.a",    "${",
        "$",          "$$",           "",        "${x:-${HOME}}"}) {
    EXPECT_TRUE(references(text).empty()) << text;
  }
}

TEST(References, inside_other_braces_are_found) {
  EXPECT_EQ(names_in("${x:-${inputs.a}}"), (Words{"inputs.a@5"}));
  EXPECT_EQ(names_in("${${${inputs.a}"), (Words{"inputs.a@4"}));
}

TEST(References, have_names_of_a_hundred_bytes_at_most) {
  const std::string longest(100, 'n');
  EXPECT_EQ(references("${resources." + longest + "}").size(), 1u);
  EXPECT_TRUE(references("${resources." + longest + "n}").empty());
}

TEST(References, of_a_long_text_of_open_braces_are_found_in_no_time) {
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += "${";
  EXPECT_EQ(references(text + "inputs.a}").size(), 1u);
}

TEST(Substitute, puts_values_in_and_leaves_the_rest_to_the_shell) {
  EXPECT_EQ(in_shell("for f in *; do bwa ${inputs.genome} \"$f\" ${HOME} > ${outputs.bam}; done"),
            "for f in *; do bwa /data/genome.fa \"$f\" ${HOME} > out.bam; done");
  EXPECT_EQ(in_shell("${params.ploidy}${foreach.sample}"), "2a");
  EXPECT_EQ(in_shell("no references"), "no references");
  EXPECT_EQ(in_shell(""), "");
}

TEST(Substitute, quotes_what_is_not_bare_in_a_string_command) {
  EXPECT_EQ(in_shell("cat ${inputs.spaced}"), R"(cat '/my data/it'\''s')");
  EXPECT_EQ(in_shell("echo ${node.id}"), "echo 'align[a]'");
  EXPECT_EQ(in_shell("cat ${inputs.list} end"), "cat /a '/b c' '' end");
  EXPECT_EQ(in_shell("cat ${inputs.none} end"), "cat  end");
}

TEST(Substitute, quotes_nothing_in_argv_and_env) {
  EXPECT_EQ(plain("--in=${inputs.spaced}"), "--in=/my data/it's");
  EXPECT_EQ(plain("${inputs.list}"), "/a /b c ");
  EXPECT_EQ(plain("${node.id}/${node.attempt}"), "align[a]/1");
}

TEST(Substitute, does_not_look_into_the_values) {
  const Lookup sly = [](std::string_view, std::string_view) { return Words{"${inputs.b}"}; };
  EXPECT_EQ(substitute("${inputs.a}", Quoting::none, sly), "${inputs.b}");
  EXPECT_EQ(substitute("${inputs.a}", Quoting::shell, sly), "'${inputs.b}'");
}

TEST(ShellWord, is_bare_when_made_of_harmless_letters_only) {
  for (const auto* bare : {"a", "AZ09", "_@%+=:,./-", "/data/genome.fa", "-x"}) EXPECT_EQ(shell_word(bare), bare);
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("a b"), "'a b'");
  EXPECT_EQ(shell_word("it's"), R"('it'\''s')");
  EXPECT_EQ(shell_word("'"), R"(''\''')");
  EXPECT_EQ(shell_word("$x"), "'$x'");
  EXPECT_EQ(shell_word("~"), "'~'");
  EXPECT_EQ(shell_word("a\nb"), "'a\nb'");
  EXPECT_EQ(shell_word("\xC3\xBC"), "'\xC3\xBC'");
}

TEST(WordsOf, are_strings_without_quotes_and_all_else_as_json) {
  EXPECT_EQ(words_of(R"("a \"b\" \u00fc")"), (Words{"a \"b\" \xC3\xBC"}));
  EXPECT_EQ(words_of("12"), (Words{"12"}));
  EXPECT_EQ(words_of("1e5"), (Words{"1e5"}));
  EXPECT_EQ(words_of("true"), (Words{"true"}));
  EXPECT_EQ(words_of("null"), (Words{"null"}));
  EXPECT_EQ(words_of(R"({"a":1})"), (Words{R"({"a":1})"}));
}

TEST(WordsOf, of_a_list_are_its_elements) {
  EXPECT_EQ(words_of(R"(["a b",1,[2,"x"],{"k":null},""])"), (Words{"a b", "1", R"([2,"x"])", R"({"k":null})", ""}));
  EXPECT_TRUE(words_of("[]").empty());
}

TEST(WordsOf, what_is_no_json_are_the_text_itself) {
  EXPECT_EQ(words_of("abc"), (Words{"abc"}));
  EXPECT_EQ(words_of(""), (Words{""}));
  EXPECT_EQ(words_of("[1,oops]"), (Words{"[1,oops]"}));
}

}  // namespace
}  // namespace baton::core
