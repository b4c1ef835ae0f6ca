#include "formats/nearest.hpp"

#include <algorithm>
#include <vector>

namespace baton::formats {
namespace {

constexpr std::size_t quoted_bytes_max = 80;
constexpr std::size_t listed_max = 12;
constexpr std::size_t compared_max = 10'000;  // of known names: a second of comparing would help nobody

char lower(char letter) { return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter; }

/// Optimal string alignment over three rows.
std::size_t edits(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (same ? 0U : 1U)});
      const bool swapped = i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]);
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

}  // namespace

std::optional<std::string_view> nearest(std::string_view typed, std::span<const std::string_view> known) {
  std::optional<std::string_view> best;
  std::size_t best_edits = 0;
  for (const auto name : known.first(std::min(known.size(), compared_max))) {
    const auto allowed = std::max<std::size_t>(1, std::max(typed.size(), name.size()) / 3);
    const auto apart = std::max(typed.size(), name.size()) - std::min(typed.size(), name.size());
    if (apart > allowed || typed.size() > 200) continue;
    const auto distance = edits(typed, name);
    if (distance > allowed || distance >= std::max(typed.size(), name.size()) || (best && distance >= best_edits)) continue;
    best = name;
    best_edits = distance;
  }
  return best;
}

std::string quote(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string quoted = "'";
  std::size_t cut = std::min(text.size(), quoted_bytes_max);
  while (cut > 0 && cut < text.size() && (static_cast<unsigned char>(text[cut]) & 0xC0U) == 0x80U) --cut;
  for (const char letter : text.substr(0, cut)) {
    const auto byte = static_cast<unsigned char>(letter);
    if (byte >= 0x20 && byte != 0x7F) {
      quoted += letter;
    } else {
      quoted += {'\\', 'x', digits[byte >> 4U], digits[byte & 15U]};
    }
  }
  return quoted + (cut < text.size() ? "…'" : "'");
}

std::string listed(std::span<const std::string_view> names) {
  std::string list;
  for (std::size_t i = 0; i < names.size() && i < listed_max; ++i) list.append(i == 0 ? "" : ", ").append(names[i]);
  return names.size() > listed_max ? list + ", …" : list;
}

std::string suggestion(std::string_view what, std::string_view typed, std::span<const std::string_view> known) {
  std::string text;
  if (!known.empty()) text.append(what).append(": ").append(listed(known));
  if (const auto name = nearest(typed, known)) text.append("; did you mean ").append(quote(*name)).append("?");
  return text;
}

}  // namespace baton::formats
