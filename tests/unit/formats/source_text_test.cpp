#include "formats/source_text.hpp"

#include <gtest/gtest.h>

namespace baton::formats {
namespace {

TEST(SourceText, places_count_lines_and_characters_from_one) {
  EXPECT_EQ(place_at("ab\ncd", 0), (core::Place{1, 1}));
  EXPECT_EQ(place_at("ab\ncd", 4), (core::Place{2, 2}));
  EXPECT_EQ(place_at("é=x", 2), (core::Place{1, 2}));
  EXPECT_EQ(place_at("a\r\nb\rc", 5), (core::Place{3, 1}));
  EXPECT_EQ(place_at("ab", 99), (core::Place{1, 3}));
  EXPECT_EQ(place_at("\xEF\xBB\xBF"
                     "ab",
                     4),
            (core::Place{1, 2}));
}

TEST(SourceText, a_place_leads_back_to_its_byte) {
  constexpr std::string_view text = "é: 1\r\nü: [ä, x]\n";
  for (const std::size_t byte : {0U, 2U, 4U, 7U, 9U, 11U, 12U, 14U}) EXPECT_EQ(offset_at(text, place_at(text, byte)), byte);
  EXPECT_EQ(offset_at(text, {9, 9}), text.size());
  EXPECT_EQ(offset_at(text, {1, 99}), 5U);
}

TEST(SourceText, lines_end_where_yaml_ends_them) {
  constexpr std::string_view text =
      "a\nb\r\nc\xE2\x80\xA8"
      "d\xC2\x85"
      "e";
  EXPECT_EQ(line_at(text, 1), "a");
  EXPECT_EQ(line_at(text, 2), "b");
  EXPECT_EQ(line_at(text, 3), "c");
  EXPECT_EQ(line_at(text, 4), "d");
  EXPECT_EQ(line_at(text, 5), "e");
  EXPECT_EQ(line_at(text, 6), "");
}

TEST(SourceText, a_part_is_found_from_its_beginning_on) {
  EXPECT_EQ(find_from("x\na x\n", {2, 1}, "x"), (core::Place{2, 3}));
  EXPECT_EQ(find_from("x\na\n", {2, 1}, "x"), (core::Place{2, 1}));
}

}  // namespace
}  // namespace baton::formats
