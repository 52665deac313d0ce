//! Bytes that do harm where a program shows them unescaped.

/// Returns byte strings that contain every byte, and sequences that have a
/// meaning for a terminal, an editor, a browser or a shell. No string contains
/// `end`, the byte that ends the text around the string.
pub fn hostile(end: u8) -> Vec<Vec<u8>> {
    let every: Vec<u8> = (0..=u8::MAX).collect();
    let mut words: Vec<Vec<u8>> = every.chunks(64).map(<[u8]>::to_vec).collect();
    let sequences: [&[u8]; 12] = [
        b"\x1b[2J\x1b[H\x1b]0;title\x07\x1bP+q\x1b\\",
        // The same control sequences, each introduced by one byte of ISO 8859.
        b"\x9b2J\x9d0;title\x9c\x90\x85",
        b"\r\x08\x08\x7f\x0b\x0c\x0e\x0f",
        "\u{202e}\u{2066}\u{200b}\u{feff}\u{85}\u{2028}\u{9b}m".as_bytes(),
        // Invalid UTF-8: overlong, half of a surrogate pair, above U+10FFFF,
        // bytes that UTF-8 never contains, truncated.
        b"\xc0\xaf\xe0\x80\xaf\xed\xa0\x80\xf4\x90\x80\x80\xff\xfe\xf0\x9f",
        b"OK | 'tcp'=0;;;0;\n| second=1",
        b"x'; touch /tmp/y; $(id) `id` & \"",
        b"<script>alert(1)</script>&lt;",
        b"%s%n%A%N%%",
        b"\\x1b\\\\ \\n",
        b" \t leading and trailing \t ",
        &[b'\x1b'; 3000],
    ];
    words.extend(sequences.map(<[u8]>::to_vec));
    words.iter_mut().for_each(|word| word.retain(|&byte| byte != end));
    words
}
