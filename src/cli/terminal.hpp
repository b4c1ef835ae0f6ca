/// Where words go: data on stdout, talk on stderr. Colours on a terminal only, and never with NO_COLOR.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace baton::cli {

enum class Colour : std::uint8_t { plain, good, bad, dim };

class Terminal {
 public:
  Terminal();
  void data(std::string_view text);
  /// Whether `data` can still reach somebody: false once the reader of our pipe has gone.
  [[nodiscard]] bool is_read() const;
  /// errno of the first data that could not be written; 0: all was, or its reader has gone.
  [[nodiscard]] int unwritten() const { return unwritten_; }
  void talk(std::string_view text);
  /// For `talk`.
  [[nodiscard]] std::string coloured(Colour colour, std::string_view text) const;

 private:
  bool colours_;
  int unwritten_ = 0;
};

/// Fit for a terminal: control characters but line feed and tab are `?`, as is what is not UTF-8.
[[nodiscard]] std::string printable(std::string_view text);
/// The same for a name that stands within a line: it must not begin another one, or a column.
[[nodiscard]] std::string printable_name(std::string_view text);
/// `1 task`, `2 tasks`.
[[nodiscard]] std::string counted(std::size_t count, std::string_view noun);
/// Columns side by side, two spaces between; the last one is not filled up. Lines end with a line feed.
class Table {
 public:
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace baton::cli
