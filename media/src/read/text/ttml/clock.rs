//! Time expressions, `TTML1 §10.3`, and the parameters they depend on, `§6.2`.

use std::time::Duration;

use super::tree::Element;

/// Frames a second of a document that does not say.
const FRAME_RATE_DEFAULT: u32 = 30;

/// Most digits of a number in a time expression.
const DIGITS_MAX: usize = 12;

/// How a document counts time.
#[derive(Debug)]
pub(super) struct Clock {
    /// Frames a second before the multiplier.
    frame_rate: u32,
    /// The multiplier, numerator and denominator.
    multiplier: (u32, u32),
    sub_frame_rate: u32,
    tick_rate: u32,
    /// Whether times are SMPTE time codes, which count frames.
    is_smpte: bool,
    /// Whether time codes leave out two frames in nine of ten minutes.
    drops_frames: bool,
}

impl Clock {
    /// The clock that `root` states.
    pub(super) fn of(root: &Element) -> Self {
        let number = |name: &str| {
            root.attribute(name)
                .and_then(|value| value.parse().ok())
                .filter(|value| *value > 0)
        };
        let stated_rate: Option<u32> = number("frameRate");
        let frame_rate = stated_rate.unwrap_or(FRAME_RATE_DEFAULT);
        let sub_frame_rate = number("subFrameRate").unwrap_or(1);
        let multiplier = root.attribute("frameRateMultiplier").and_then(|value| {
            let mut parts = value.split([' ', ':']).filter(|part| !part.is_empty());
            let numerator = parts.next()?.parse().ok().filter(|value| *value > 0)?;
            let denominator = parts
                .next()
                .map_or(Some(1), |part| part.parse().ok().filter(|value| *value > 0))?;
            Some((numerator, denominator))
        });
        let frame_ticks = stated_rate.map(|rate| rate.saturating_mul(sub_frame_rate));
        Self {
            frame_rate,
            multiplier: multiplier.unwrap_or((1, 1)),
            sub_frame_rate,
            tick_rate: number("tickRate").or(frame_ticks).unwrap_or(1),
            is_smpte: root.attribute("timeBase") == Some("smpte"),
            drops_frames: root.attribute("dropMode") == Some("dropNTSC"),
        }
    }

    /// Reads a time expression: `00:00:01.5`, `00:00:01:12`, `1.5s`, `36f`, `15000t`.
    pub(super) fn read(&self, text: &str) -> Option<Duration> {
        if text.contains(':') {
            return self.clock_time(text);
        }
        let unit = text.find(|character: char| character.is_ascii_alphabetic())?;
        let (number, metric) = text.split_at(unit);
        let value = Decimal::read(number)?;
        let (numerator, denominator) = match metric {
            "h" => (3600, 1),
            "m" => (60, 1),
            "s" => (1, 1),
            "ms" => (1, 1000),
            "f" => self.frame(),
            "t" => (1, u64::from(self.tick_rate)),
            _ => return None,
        };
        value.times(numerator, denominator)
    }

    /// Seconds a frame lasts, as a fraction.
    fn frame(&self) -> (u64, u64) {
        let (numerator, denominator) = self.multiplier;
        (
            denominator.into(),
            u64::from(self.frame_rate) * u64::from(numerator),
        )
    }

    /// `hh:mm:ss`, then a fraction, or frames and perhaps parts of a frame.
    fn clock_time(&self, text: &str) -> Option<Duration> {
        let mut parts = text.split(':');
        let hours = whole(parts.next()?)?;
        let minutes = whole(parts.next()?).filter(|minutes| *minutes < 60)?;
        let seconds = parts.next()?;
        let frames = parts.next();
        if parts.next().is_some() {
            return None;
        }
        let minutes = hours.checked_mul(60)?.checked_add(minutes)?;
        let Some(frames) = frames else {
            let seconds = Decimal::read(seconds)?.times(1, 1)?;
            return Duration::from_secs(minutes.checked_mul(60)?).checked_add(seconds);
        };
        let seconds = minutes.checked_mul(60)?.checked_add(whole(seconds)?)?;
        let (frames, parts) = match frames.split_once('.') {
            Some((frames, parts)) => (whole(frames)?, whole(parts)?),
            None => (whole(frames)?, 0),
        };
        let (numerator, denominator) = self.frame();
        let part = (numerator, denominator.checked_mul(self.sub_frame_rate.into())?);
        let parts = Decimal::whole(parts).times(part.0, part.1)?;
        if !self.is_smpte {
            let frames = Decimal::whole(frames).times(numerator, denominator)?;
            return Duration::from_secs(seconds)
                .checked_add(frames)?
                .checked_add(parts);
        }
        let dropped = if self.drops_frames {
            2 * (minutes - minutes / 10)
        } else {
            0
        };
        let counted = seconds.checked_mul(self.frame_rate.into())?.checked_add(frames)?;
        let counted = Decimal::whole(counted.checked_sub(dropped)?);
        counted.times(numerator, denominator)?.checked_add(parts)
    }
}

fn whole(text: &str) -> Option<u64> {
    let is_number = (1..=DIGITS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

/// A number with a fraction, exact: `digits / 10^scale`.
struct Decimal {
    digits: u64,
    scale: u32,
}

impl Decimal {
    /// Digits of a fraction that are kept: nanoseconds.
    const FRACTION_MAX: usize = 9;

    fn whole(digits: u64) -> Self {
        Self { digits, scale: 0 }
    }

    fn read(text: &str) -> Option<Self> {
        let (number, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let mut digits = whole(number)?;
        if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let mut scale = 0;
        for digit in fraction.bytes().take(Self::FRACTION_MAX) {
            digits = digits.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
            scale += 1;
        }
        Some(Self { digits, scale })
    }

    /// The time that `self` times `numerator / denominator` seconds are.
    fn times(&self, numerator: u64, denominator: u64) -> Option<Duration> {
        let nanos = u128::from(self.digits)
            .checked_mul(u128::from(numerator))?
            .checked_mul(1_000_000_000)?;
        let divisor = u128::from(denominator).checked_mul(10_u128.pow(self.scale))?;
        let rounded = nanos.checked_add(divisor / 2)?.checked_div(divisor)?;
        u64::try_from(rounded).ok().map(Duration::from_nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use super::*;

    fn check(attributes: &str, times: &[(&str, Option<u64>)]) {
        let root = tree::read(&format!("<tt {attributes}/>")).unwrap();
        let clock = Clock::of(&root);
        for (text, micros) in times {
            let read = clock
                .read(text)
                .map(|time| u64::try_from(time.as_micros()).unwrap());
            assert_eq!(read, *micros, "{attributes} {text}");
        }
    }

    #[test]
    fn clock_times_and_offsets_are_read() {
        check(
            "",
            &[
                ("00:00:01", Some(1_000_000)),
                ("01:00:01.5", Some(3_601_500_000)),
                ("00:00:01:15", Some(1_500_000)),
                ("1.5s", Some(1_500_000)),
                ("1500ms", Some(1_500_000)),
                ("2m", Some(120_000_000)),
                ("0.5h", Some(1_800_000_000)),
                ("15f", Some(500_000)),
                ("3t", Some(3_000_000)),
            ],
        );
    }

    #[test]
    fn frames_and_ticks_follow_the_parameters() {
        let ntsc = "ttp:frameRate='30' ttp:frameRateMultiplier='1000 1001'";
        check(
            ntsc,
            &[("00:00:01:15", Some(1_500_500)), ("30f", Some(1_001_000))],
        );
        check("ttp:tickRate='10000000'", &[("15000000t", Some(1_500_000))]);
        check(
            "ttp:frameRate='25' ttp:subFrameRate='2'",
            &[("50t", Some(1_000_000)), ("00:00:00:01.1", Some(60_000))],
        );
        check(
            "ttp:frameRate='24' ttp:frameRateMultiplier='999:1000'",
            &[("24f", Some(1_001_001))],
        );
        check(
            "ttp:timeBase='smpte' ttp:frameRate='30' ttp:frameRateMultiplier='1000 1001' ttp:dropMode='dropNTSC'",
            &[
                ("00:10:00:00", Some(599_999_400)),
                ("00:01:00:02", Some(60_060_000)),
            ],
        );
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let texts = [
            "",
            "1",
            "s",
            "1.s",
            "-1s",
            "1:2",
            "00:60:00",
            "00:00:00:00:00",
            "1x",
            "9999999999999s",
            "999999999999h",
            "é:00:00",
        ];
        check("ttp:frameRate='0'", &texts.map(|text| (text, None)));
    }
}
