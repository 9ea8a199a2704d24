"""The words people should read, written down from the specification in both languages.

They are the product's texts by intention, and none of its lines: one can be held against the other.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Wording:
    """One language. Each text is a format; its fields are numbers, ids and times as people read them."""

    mention: str
    digest: str
    review: str
    review_line: str
    review_rest: str
    review_end: str
    urgent: str
    urgent_rest: str
    incident: str
    incident_rest: str
    report: str
    invalid: str
    attention_line: str
    attention_none: str
    attention_rest: str
    report_end: str
    change: str
    top_title: str
    top_line: str
    actions: dict[str, str]

    @property
    def titles(self) -> dict[str, str]:
        """What each kind of Slack message begins with."""
        kinds = ("urgent", "urgent_rest", "review", "digest", "report")
        return {kind: getattr(self, kind).splitlines()[0].split("{")[0] for kind in kinds}


KOREAN = Wording(
    mention="담당자: {mention}",
    digest="""\
[재고 동기화] 자동 복원 완료
- 날짜: {at}
- 불일치 건수: {count:,}건
- 복원 완료: {count:,}건
- 최대 차이: {size:,}개 ({id})""",
    review="""\
⚠️ [재고 동기화] 수동 검토 요청
- 날짜: {at}
- 불일치 건수: {count:,}건""",
    review_line="{place}. {id}: 차이 {size:,}개 (DB {db:,}, Redis {redis:,})",
    review_rest="외 {count:,}건",
    review_end="\n⚠️ 수동 검토가 필요합니다.",
    urgent="""\
🚨 [긴급] 재고 심각한 불일치 발견
- 날짜: {at}
- 상품 ID: {id}
- DB 재고: {db:,}
- Redis 재고: {redis:,}
- 차이: {size:,}개

⚠️ 수동 검토가 필요합니다.""",
    urgent_rest="""\
🚨 [긴급] 재고 심각한 불일치: 그 외 {count:,}개 상품
- 날짜: {at}
- 불일치 건수: {count:,}건
- 최대 차이: {size:,}개 ({id})

⚠️ 수동 검토가 필요합니다.""",
    incident="재고 심각한 불일치: {id} 차이 {size:,}개 (DB {db:,}, Redis {redis:,})",
    incident_rest="재고 심각한 불일치: 그 외 {count:,}개 상품 (최대 차이 {size:,}개, {id})",
    report="""\
=== 재고 동기화 일일 리포트 ===
날짜: {date}

📊 요약
- 전체 상품: {total:,}개
- 정상: {matched:,}개 ({matched_share:.2f}%)
- 불일치: {different:,}개 ({different_share:.2f}%)
{invalid_line}
🔧 조치 내역
- 자동 복원: {restored:,}건
- 수동 검토: {manual_review:,}건

⚠️ 주의 상품""",
    invalid="- 잘못된 값(건드리지 않음): {invalid:,}개\n",
    attention_line="{place}. {id}: 차이 {size:,}개 (수동 검토 필요)",
    attention_none="없음",
    attention_rest="외 {count:,}건",
    report_end="""
✅ 동기화 완료: {finished}

📈 모니터링 포인트
- 평균 불일치 수량: {mean:g}개
- 동기화 실행 시간: {minutes:,}분 {seconds}초
- 긴급 알림: {urgent:,}건""",
    change="- 최근 1회 리포트 대비: 불일치 {change:+,}건 (평균 {before:,}건)",
    top_title="- 불일치 상품 Top 10",
    top_line="  {place}. {id}: 차이 {size:,}개 (DB {db:,}, Redis {redis:,}, {action})",
    actions={"REDIS_RESTORED": "자동 복원", "MANUAL_REVIEW_REQUIRED": "수동 검토"},
)
ENGLISH = Wording(
    mention="Responsible: {mention}",
    digest="""\
[Stock sync] Automatic restore complete
- Date: {at}
- Discrepancies: {count:,}
- Restored: {count:,}
- Largest difference: {size:,} ({id})""",
    review="""\
⚠️ [Stock sync] Manual review requested
- Date: {at}
- Discrepancies: {count:,}""",
    review_line="{place}. {id}: difference {size:,} (DB {db:,}, Redis {redis:,})",
    review_rest="and {count:,} more",
    review_end="\n⚠️ Manual review is required.",
    urgent="""\
🚨 [Urgent] Severe stock discrepancy found
- Date: {at}
- Product ID: {id}
- DB stock: {db:,}
- Redis stock: {redis:,}
- Difference: {size:,}

⚠️ Manual review is required.""",
    urgent_rest="""\
🚨 [Urgent] Severe stock discrepancies: {count:,} more products
- Date: {at}
- Discrepancies: {count:,}
- Largest difference: {size:,} ({id})

⚠️ Manual review is required.""",
    incident="Severe stock discrepancy: {id} differs by {size:,} (DB {db:,}, Redis {redis:,})",
    incident_rest="Severe stock discrepancies: {count:,} more products (largest difference {size:,}, {id})",
    report="""\
=== Daily stock sync report ===
Date: {date}

📊 Summary
- Products: {total:,}
- Matched: {matched:,} ({matched_share:.2f}%)
- Discrepancies: {different:,} ({different_share:.2f}%)
{invalid_line}
🔧 Actions
- Restored automatically: {restored:,}
- Manual review: {manual_review:,}

⚠️ Products that need attention""",
    invalid="- Invalid value (left alone): {invalid:,}\n",
    attention_line="{place}. {id}: difference {size:,} (manual review required)",
    attention_none="none",
    attention_rest="and {count:,} more",
    report_end="""
✅ Sync complete: {finished}

📈 Monitoring
- Mean discrepancy: {mean:g}
- Run time: {minutes:,} min {seconds} s
- Urgent alerts: {urgent:,}""",
    change="- Against 1 earlier report: discrepancies {change:+,} (mean {before:,})",
    top_title="- Top 10 discrepancies",
    top_line="  {place}. {id}: difference {size:,} (DB {db:,}, Redis {redis:,}, {action})",
    actions={"REDIS_RESTORED": "restored", "MANUAL_REVIEW_REQUIRED": "manual review"},
)
LANGUAGES = {"ko": KOREAN, "en": ENGLISH}
